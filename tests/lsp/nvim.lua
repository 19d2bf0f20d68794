-- Drives `glang lsp` with the client that is built into Neovim; see run.sh.
local dir, glang = vim.env.DIR, vim.env.GLANG
local failed = 0
local function check(what, ok, got)
  if not ok then
    failed = failed + 1
    io.stdout:write('FAIL ' .. what .. ': ' .. vim.inspect(got) .. '\n')
  else
    io.stdout:write('ok ' .. what .. '\n')
  end
end
local function write(name, lines)
  vim.fn.writefile(lines, dir .. '/' .. name)
  return dir .. '/' .. name
end
write('lib.nix', { '{', '  # Doubles.', '  twice = x: x + x;', '}' })
local main = write('main.nix', { 'let', '  lib = import ./lib.nix;', '  unused = 1;', 'in', '{ a=lib.twice 2; b = missing; }' })
vim.cmd('edit ' .. main)
local buf = vim.api.nvim_get_current_buf()
local id = vim.lsp.start_client({ cmd = { glang, 'lsp' }, name = 'glang', root_dir = dir })
vim.lsp.buf_attach_client(buf, id)
local function ask(method, line, col, extra)
  local params = vim.tbl_extend('force', {
    textDocument = { uri = vim.uri_from_bufnr(buf) },
    position = { line = line, character = col },
  }, extra or {})
  local r = vim.lsp.buf_request_sync(buf, method, params, 5000)
  return r and r[id] and r[id].result
end
vim.wait(5000, function() return #vim.diagnostic.get(buf) > 0 end)
local messages = {}
for _, d in ipairs(vim.diagnostic.get(buf)) do messages[#messages + 1] = d.message end
table.sort(messages)
check('diagnostics', vim.deep_equal(messages, { "'unused' is never used", "undefined variable 'missing'" }), messages)
local def = ask('textDocument/definition', 4, 12)
check('definition', def and def[1] and def[1].uri:match('lib.nix$') and def[1].range.start.line == 2, def)
local hover = ask('textDocument/hover', 4, 12)
check('hover', hover and hover.contents.value:match('Doubles'), hover)
local items = ask('textDocument/completion', 4, 10)
check('completion', items and items[1] and items[1].label == 'twice', items)
local refs = ask('textDocument/references', 4, 12, { context = { includeDeclaration = true } })
check('references', refs and #refs == 2 and refs[1].uri:match('lib.nix$') and refs[2].uri:match('main.nix$'), refs)
local symbols = ask('textDocument/documentSymbol', 0, 0)
check('symbols', symbols and #symbols == 4 and symbols[1].name == 'lib', symbols)
local edits = ask('textDocument/rename', 1, 3, { newName = 'library' })
check('rename', edits and #vim.tbl_values(edits.changes)[1] == 2, edits)
vim.lsp.buf.formatting_sync(nil, 5000)
check('formatting', vim.api.nvim_buf_get_lines(buf, 5, 6, false)[1] == '  a = lib.twice 2;', vim.api.nvim_buf_get_lines(buf, 0, -1, false))

-- Names that with, inherit and callPackage bring.
write('all.nix', { 'rec {', '  zlib = { version = 1; };', '  pkg = callPackage ./pkg.nix { };', '}' })
local pkg = write('pkg.nix', { '{ zlib }:', 'with import ./lib.nix;', '{ inherit (import ./all.nix) pkg; x = twice zlib.version; }' })
vim.cmd('edit! ' .. pkg)
buf = vim.api.nvim_get_current_buf()
vim.lsp.buf_attach_client(buf, id)
for what, c in pairs({ with = { 2, 40, 'lib.nix', 2 }, inherit = { 2, 30, 'all.nix', 2 }, callPackage = { 0, 3, 'all.nix', 1 } }) do
  local d = ask('textDocument/definition', c[1], c[2])
  check('definition through ' .. what, d and d[1] and d[1].uri:match('/' .. c[3] .. '$') and d[1].range.start.line == c[4], d)
end

-- The whole workspace, open or not; formals where a function is called.
vim.fn.mkdir(dir .. '/far/away', 'p')
write('far/away/user.nix', { '# 🦊', 'with import ../../lib.nix;', '{ "🦊" = twice 1; }' })
vim.cmd('edit! ' .. dir .. '/lib.nix')
buf = vim.api.nvim_get_current_buf()
vim.lsp.buf_attach_client(buf, id)
vim.wait(600) -- folders that were walked a moment ago are not walked again
refs = ask('textDocument/references', 2, 4, { context = { includeDeclaration = true } })
local far = {}
for _, r in ipairs(refs or {}) do if r.uri:match('user.nix$') then far = r.range.start end end
check('references in the workspace', far.line == 2 and far.character == 9, refs)
edits = ask('textDocument/rename', 2, 4, { newName = 'double' })
check('rename in the workspace', edits and #vim.tbl_keys(edits.changes) >= 3, edits)
write('calls.nix', { '(import ./pkg.nix) { z }' })
vim.cmd('edit! ' .. dir .. '/calls.nix')
buf = vim.api.nvim_get_current_buf()
vim.lsp.buf_attach_client(buf, id)
items = ask('textDocument/completion', 0, 22)
check('completion of formals', items and #items == 1 and items[1].label == 'zlib', items)
vim.lsp.stop_client(id)
vim.wait(3000, function() return vim.lsp.client_is_stopped(id) end)
check('end', vim.lsp.client_is_stopped(id), nil)
vim.cmd(failed > 0 and 'cquit 1' or 'quitall!')
