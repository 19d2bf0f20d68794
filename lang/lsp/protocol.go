package lsp

import "encoding/json"

// The part of the protocol (version 3.17) that the server speaks, under the
// specification's names.

type position struct {
	Line      int `json:"line"`
	Character int `json:"character"` // UTF-16 code units
}

type textRange struct {
	Start position `json:"start"`
	End   position `json:"end"`
}

type location struct {
	URI   string    `json:"uri"`
	Range textRange `json:"range"`
}

type folder struct {
	URI string `json:"uri"`
}

type initializeParams struct {
	RootPath     string   `json:"rootPath"`
	RootURI      string   `json:"rootUri"`
	Folders      []folder `json:"workspaceFolders"`
	Capabilities struct {
		Workspace struct {
			DidChangeWatchedFiles struct {
				DynamicRegistration bool `json:"dynamicRegistration"`
			} `json:"didChangeWatchedFiles"`
		} `json:"workspace"`
	} `json:"capabilities"`
}

type textDocument struct {
	URI     string `json:"uri"`
	Version int    `json:"version,omitempty"`
	Text    string `json:"text,omitempty"`
}

type positionParams struct {
	TextDocument textDocument `json:"textDocument"`
	Position     position     `json:"position"`
}

type didChangeParams struct {
	TextDocument   textDocument `json:"textDocument"`
	ContentChanges []struct {
		Range *textRange `json:"range"`
		Text  string     `json:"text"`
	} `json:"contentChanges"`
}

type referenceParams struct {
	positionParams
	Context struct {
		IncludeDeclaration bool `json:"includeDeclaration"`
	} `json:"context"`
}

type renameParams struct {
	positionParams
	NewName string `json:"newName"`
}

type formattingParams struct {
	TextDocument textDocument `json:"textDocument"`
}

type diagnostic struct {
	Range    textRange           `json:"range"`
	Severity int                 `json:"severity"`
	Code     string              `json:"code,omitempty"`
	Source   string              `json:"source"`
	Message  string              `json:"message"`
	Tags     []int               `json:"tags,omitempty"`
	Related  []relatedDiagnostic `json:"relatedInformation,omitempty"`
}

type relatedDiagnostic struct {
	Location location `json:"location"`
	Message  string   `json:"message"`
}

const (
	severityError   = 1
	severityWarning = 2
	severityHint    = 4
	tagUnnecessary  = 1
)

type publishParams struct {
	URI         string       `json:"uri"`
	Version     int          `json:"version,omitempty"`
	Diagnostics []diagnostic `json:"diagnostics"`
}

type markup struct {
	Kind  string `json:"kind"`
	Value string `json:"value"`
}

type hover struct {
	Contents markup    `json:"contents"`
	Range    textRange `json:"range"`
}

type completionItem struct {
	Label         string  `json:"label"`
	Kind          int     `json:"kind,omitempty"`
	Detail        string  `json:"detail,omitempty"`
	Documentation *markup `json:"documentation,omitempty"`
	InsertText    string  `json:"insertText,omitempty"`
}

const (
	completeFunction = 3
	completeField    = 5
	completeVariable = 6
	completeKeyword  = 14
	completeFile     = 17
	completeFolder   = 19
)

type documentSymbol struct {
	Name           string           `json:"name"`
	Detail         string           `json:"detail,omitempty"`
	Kind           int              `json:"kind"`
	Range          textRange        `json:"range"`
	SelectionRange textRange        `json:"selectionRange"`
	Children       []documentSymbol `json:"children,omitempty"`
}

type textEdit struct {
	Range   textRange `json:"range"`
	NewText string    `json:"newText"`
}

type workspaceEdit struct {
	Changes map[string][]textEdit `json:"changes"`
}

// capabilities is the server's answer to initialize.
var capabilities = json.RawMessage(`{
	"capabilities": {
		"positionEncoding": "utf-16",
		"textDocumentSync": {"openClose": true, "change": 2, "save": true},
		"hoverProvider": true,
		"definitionProvider": true,
		"referencesProvider": true,
		"documentHighlightProvider": true,
		"documentSymbolProvider": true,
		"documentFormattingProvider": true,
		"renameProvider": {"prepareProvider": true},
		"completionProvider": {"triggerCharacters": [".", "/", "<"]},
		"workspace": {"workspaceFolders": {"supported": true, "changeNotifications": true}}
	},
	"serverInfo": {"name": "glang"}
}`)

// watchExpressions asks the client to watch the workspace's expressions.
var watchExpressions = json.RawMessage(`{"registrations": [{"id": "expressions", "method": "workspace/didChangeWatchedFiles",
	"registerOptions": {"watchers": [{"globPattern": "**/*.nix"}, {"globPattern": "**/*.expr"}]}}]}`)
