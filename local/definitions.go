package local

// Kind is how a setting's text is read and written.
type Kind uint8

// The kinds of settings.
const (
	Bool Kind = iota
	Int       // may end in K, M, G or T
	String
	OptString // empty means unset
	Path
	OptPath
	List     // words, in order; appendable
	Set      // words, sorted; appendable
	Map      // words NAME=VALUE; appendable
	Features // a Set of experimental features
	Sandbox  // true, false or relaxed
	Jobs     // a number or auto
	Paths    // words INSIDE[=OUTSIDE][?]; appendable
	Store    // a store URI
	Stores   // a List of store URIs
	Lint     // ignore, warn or fatal
	JSON
)

// Definition describes one setting.
type Definition struct {
	Name    string
	Kind    Kind
	Default string
	Aliases []string
	// Feature is the experimental feature without which the setting is hidden.
	Feature string
	// Computed says that the default depends on the machine.
	Computed bool
	Doc      string
}

// definitions is every setting of the reference, sorted by name; read only.
// Those that concern what glang does not have are here too, so that a
// configuration written for the reference is read without complaint.
var definitions = [...]Definition{
	{Name: "abort-on-warn", Kind: Bool, Default: "false", Doc: "stop evaluation at the first warning"},
	{Name: "accept-flake-config", Kind: Bool, Default: "false", Feature: "flakes", Doc: "take settings from a flake without asking"},
	{Name: "access-tokens", Kind: Map, Doc: "tokens for fetching from code forges, host=token"},
	{Name: "allow-dirty", Kind: Bool, Default: "true", Doc: "allow work trees with uncommitted changes"},
	{Name: "allow-dirty-locks", Kind: Bool, Default: "false", Feature: "flakes", Doc: "allow lock files that refer to dirty trees"},
	{Name: "allow-import-from-derivation", Kind: Bool, Default: "true", Doc: "let evaluation read what must be built first"},
	{Name: "allow-new-privileges", Kind: Bool, Default: "false", Doc: "let builders gain privileges through setuid programs"},
	{Name: "allow-symlinked-store", Kind: Bool, Default: "false", Doc: "accept a store directory that is reached through symbolic links"},
	{Name: "allow-unsafe-native-code-during-evaluation", Kind: Bool, Default: "false", Doc: "enable importNative and exec"},
	{Name: "allowed-impure-host-deps", Kind: Set, Doc: "host paths that derivations may ask for"},
	{Name: "allowed-uris", Kind: List, Doc: "URI prefixes that restricted evaluation may fetch"},
	{Name: "allowed-users", Kind: List, Default: "*", Doc: "who may use the store service"},
	{Name: "always-allow-substitutes", Kind: Bool, Default: "false", Doc: "substitute even what asks not to be"},
	{Name: "auto-allocate-uids", Kind: Bool, Default: "false", Feature: "auto-allocate-uids", Doc: "pick user ids for builds by itself"},
	{Name: "auto-optimise-store", Kind: Bool, Default: "false", Doc: "replace identical files by hard links as they are added"},
	{Name: "bash-prompt", Kind: String, Doc: "prompt of development shells"},
	{Name: "bash-prompt-prefix", Kind: String, Doc: "text before the prompt of development shells"},
	{Name: "bash-prompt-suffix", Kind: String, Doc: "text after the prompt of development shells"},
	{Name: "build-dir", Kind: OptPath, Doc: "where build directories are made"},
	{Name: "build-hook", Kind: List, Doc: "program that may take a build over"},
	{Name: "build-memory-max", Kind: Int, Default: "0", Doc: "bytes of memory that a build may use; 0 means no limit; glang's own"},
	{Name: "build-poll-interval", Kind: Int, Default: "5", Doc: "seconds between attempts to get a lock"},
	{Name: "build-processes-max", Kind: Int, Default: "0", Doc: "processes that a build may have at a time; 0 means no limit; glang's own"},
	{Name: "build-users-group", Kind: String, Computed: true, Doc: "group whose members builds run as"},
	{Name: "builders", Kind: String, Default: "@/etc/nix/machines", Computed: true, Doc: "remote machines to build on"},
	{Name: "builders-use-substitutes", Kind: Bool, Default: "false", Doc: "let remote machines substitute for themselves"},
	{Name: "commit-lock-file-summary", Kind: String, Aliases: []string{"commit-lockfile-summary"}, Feature: "flakes", Doc: "commit message for lock files"},
	{Name: "compress-build-log", Kind: Bool, Default: "true", Aliases: []string{"build-compress-log"}, Doc: "compress build logs"},
	{Name: "connect-timeout", Kind: Int, Default: "15", Doc: "seconds to wait for a connection"},
	{Name: "cores", Kind: Int, Default: "0", Aliases: []string{"build-cores"}, Doc: "processors that evaluation and each build may use; 0 means all"},
	{Name: "debian-mirrors", Kind: List, Doc: "roots of Debian's archive for mirror://debian, file:// folders included; glang's own"},
	{Name: "debugger-on-trace", Kind: Bool, Default: "false", Doc: "open the debugger at builtins.break"},
	{Name: "debugger-on-warn", Kind: Bool, Default: "false", Doc: "open the debugger at a warning"},
	{Name: "diff-hook", Kind: OptPath, Doc: "program that compares differing results"},
	{Name: "download-attempts", Kind: Int, Default: "5", Doc: "how often a download is tried"},
	{Name: "download-buffer-size", Kind: Int, Default: "1048576", Doc: "bytes a download may keep in memory"},
	{Name: "download-speed", Kind: Int, Default: "0", Doc: "limit in kilobytes a second; 0 means none"},
	{Name: "eval-attrset-update-layer-rhs-threshold", Kind: Int, Default: "16", Doc: "attributes up to which // is layered"},
	{Name: "eval-cache", Kind: Bool, Default: "true", Doc: "cache evaluation results"},
	{Name: "eval-profile-file", Kind: Path, Default: "nix.profile", Doc: "where the evaluation profile goes"},
	{Name: "eval-profiler", Kind: String, Default: "disabled", Doc: "kind of evaluation profile"},
	{Name: "eval-profiler-frequency", Kind: Int, Default: "99", Doc: "samples a second"},
	{Name: "eval-system", Kind: String, Doc: "value of builtins.currentSystem, if not system"},
	{Name: "experimental-features", Kind: Features, Doc: "experimental features that are switched on"},
	{Name: "external-builders", Kind: JSON, Default: "[]", Doc: "programs that build for other systems"},
	{Name: "extra-platforms", Kind: Set, Computed: true, Doc: "further systems that this machine builds for"},
	{Name: "fallback", Kind: Bool, Default: "false", Aliases: []string{"build-fallback"}, Doc: "build when substitution fails"},
	{Name: "filter-syscalls", Kind: Bool, Default: "true", Doc: "forbid builders to create setuid files and extended attributes"},
	{Name: "flake-registry", Kind: String, Default: "https://channels.nixos.org/flake-registry.json", Feature: "flakes", Doc: "the global flake registry"},
	{Name: "fsync-metadata", Kind: Bool, Default: "true", Doc: "sync the database at each change"},
	{Name: "fsync-store-paths", Kind: Bool, Default: "false", Doc: "sync store objects before they are registered"},
	{Name: "gc-reserved-space", Kind: Int, Default: "8388608", Doc: "bytes kept in reserve for the collector"},
	{Name: "hashed-mirrors", Kind: List, Doc: "servers to ask for fixed outputs by hash"},
	{Name: "http-connections", Kind: Int, Default: "25", Aliases: []string{"binary-caches-parallel-connections"}, Doc: "parallel connections for downloads"},
	{Name: "http2", Kind: Bool, Default: "true", Doc: "use HTTP/2"},
	{Name: "id-count", Kind: Int, Default: "8388608", Doc: "user ids for auto-allocate-uids"},
	{Name: "ignore-try", Kind: Bool, Default: "false", Doc: "do not open the debugger inside tryEval"},
	{Name: "ignored-acls", Kind: Set, Default: "security.csm security.selinux system.nfs4_acl", Doc: "access control lists left in the store"},
	{Name: "impersonate-linux-26", Kind: Bool, Default: "false", Aliases: []string{"build-impersonate-linux-26"}, Doc: "pretend to be Linux 2.6 in builds"},
	{Name: "impure-env", Kind: Map, Feature: "configurable-impure-env", Doc: "environment variables for impure builds"},
	{Name: "json-log-path", Kind: OptPath, Doc: "file or socket that gets the log as JSON"},
	{Name: "keep-build-log", Kind: Bool, Default: "true", Aliases: []string{"build-keep-log"}, Doc: "keep build logs"},
	{Name: "keep-derivations", Kind: Bool, Default: "true", Aliases: []string{"gc-keep-derivations"}, Doc: "the derivation of a live output is live"},
	{Name: "keep-env-derivations", Kind: Bool, Default: "false", Aliases: []string{"env-keep-derivations"}, Doc: "environments keep their derivations"},
	{Name: "keep-failed", Kind: Bool, Default: "false", Doc: "keep the directories of failed builds"},
	{Name: "keep-going", Kind: Bool, Default: "false", Doc: "go on with other builds after a failure"},
	{Name: "keep-outputs", Kind: Bool, Default: "false", Aliases: []string{"gc-keep-outputs"}, Doc: "the outputs of a live derivation are live"},
	{Name: "lint-absolute-path-literals", Kind: Lint, Default: "ignore", Doc: "what to do about absolute path literals"},
	{Name: "lint-short-path-literals", Kind: Lint, Default: "ignore", Doc: "what to do about path literals without ./"},
	{Name: "lint-url-literals", Kind: Lint, Default: "ignore", Doc: "what to do about unquoted URLs"},
	{Name: "log-lines", Kind: Int, Default: "25", Doc: "lines of the log shown when a build fails"},
	{Name: "max-build-log-size", Kind: Int, Default: "0", Aliases: []string{"build-max-log-size"}, Doc: "bytes of log after which a build is stopped; 0 means no limit"},
	{Name: "max-call-depth", Kind: Int, Default: "10000", Doc: "depth of function calls"},
	{Name: "max-free", Kind: Int, Default: "9223372036854775807", Doc: "bytes free at which automatic collection stops"},
	{Name: "max-jobs", Kind: Jobs, Default: "1", Aliases: []string{"build-max-jobs"}, Doc: "builds at the same time, or auto"},
	{Name: "max-silent-time", Kind: Int, Default: "0", Aliases: []string{"build-max-silent-time"}, Doc: "seconds without output after which a build is stopped"},
	{Name: "max-substitution-jobs", Kind: Int, Default: "16", Aliases: []string{"substitution-max-jobs"}, Doc: "substitutions at the same time"},
	{Name: "min-free", Kind: Int, Default: "0", Doc: "bytes free below which garbage is collected"},
	{Name: "min-free-check-interval", Kind: Int, Default: "5", Doc: "seconds between checks of free space"},
	{Name: "nar-buffer-size", Kind: Int, Default: "33554432", Doc: "bytes of an archive kept in memory"},
	{Name: "narinfo-cache-meta-ttl", Kind: Int, Default: "604800", Doc: "seconds that facts about a cache are kept"},
	{Name: "narinfo-cache-negative-ttl", Kind: Int, Default: "3600", Doc: "seconds that a missing path is remembered"},
	{Name: "narinfo-cache-positive-ttl", Kind: Int, Default: "2592000", Doc: "seconds that a found path is remembered"},
	{Name: "netrc-file", Kind: String, Default: "/etc/nix/netrc", Doc: "names and passwords for downloads"},
	{Name: "nix-path", Kind: List, Computed: true, Doc: "where <name> is looked up"},
	{Name: "nix-shell-always-looks-for-shell-nix", Kind: Bool, Default: "true", Doc: "nix-shell DIR prefers DIR/shell.nix"},
	{Name: "nix-shell-shebang-arguments-relative-to-script", Kind: Bool, Default: "true", Doc: "arguments in scripts are relative to the script"},
	{Name: "plugin-files", Kind: List, Doc: "not supported: plugins are for the C++ implementation"},
	{Name: "post-build-hook", Kind: String, Doc: "program run after each build"},
	{Name: "pre-build-hook", Kind: String, Doc: "program run before each build"},
	{Name: "preallocate-contents", Kind: Bool, Default: "false", Doc: "reserve disk space before writing"},
	{Name: "print-missing", Kind: Bool, Default: "true", Doc: "say what will be built or fetched"},
	{Name: "pure-eval", Kind: Bool, Default: "false", Doc: "evaluate without reading the environment"},
	{Name: "require-drop-supplementary-groups", Kind: Bool, Default: "true", Doc: "fail if groups cannot be dropped"},
	{Name: "require-sigs", Kind: Bool, Default: "true", Doc: "accept only signed paths from substituters"},
	{Name: "restrict-eval", Kind: Bool, Default: "false", Doc: "read only what the search path allows"},
	{Name: "run-diff-hook", Kind: Bool, Default: "false", Doc: "run diff-hook"},
	{Name: "sandbox", Kind: Sandbox, Default: "true", Aliases: []string{"build-use-chroot", "build-use-sandbox"}, Doc: "build in a sandbox: true, false or relaxed"},
	{Name: "sandbox-build-dir", Kind: Path, Default: "/build", Doc: "the build directory as the builder sees it"},
	{Name: "sandbox-dev-shm-size", Kind: String, Default: "50%", Doc: "size of /dev/shm in the sandbox"},
	{Name: "sandbox-fallback", Kind: Bool, Default: "true", Doc: "build without a sandbox where there is none"},
	{Name: "sandbox-paths", Kind: Paths, Aliases: []string{"build-chroot-dirs", "build-sandbox-paths"}, Doc: "further paths in the sandbox"},
	{Name: "secret-key-files", Kind: List, Doc: "keys to sign with"},
	{Name: "show-trace", Kind: Bool, Default: "false", Doc: "show the whole evaluation trace with an error"},
	{Name: "ssl-cert-file", Kind: OptString, Computed: true, Doc: "certificate authorities"},
	{Name: "stalled-download-timeout", Kind: Int, Default: "300", Doc: "seconds after which a stalled download is given up"},
	{Name: "start-id", Kind: Int, Default: "872415232", Doc: "first user id for auto-allocate-uids"},
	{Name: "store", Kind: Store, Default: "auto", Doc: "the store to use"},
	{Name: "substitute", Kind: Bool, Default: "true", Aliases: []string{"build-use-substitutes"}, Doc: "fetch what a substituter has"},
	{Name: "substituters", Kind: Stores, Default: "https://cache.nixos.org/", Aliases: []string{"binary-caches"}, Doc: "where finished paths may come from"},
	{Name: "sync-before-registering", Kind: Bool, Default: "false", Doc: "sync the file system before registering"},
	{Name: "system", Kind: String, Doc: "the system to build for"},
	{Name: "system-features", Kind: Set, Computed: true, Doc: "features that derivations may require"},
	{Name: "tarball-ttl", Kind: Int, Default: "3600", Doc: "seconds that a downloaded archive counts as fresh"},
	{Name: "timeout", Kind: Int, Default: "0", Aliases: []string{"build-timeout"}, Doc: "seconds after which a build is stopped"},
	{Name: "trace-function-calls", Kind: Bool, Default: "false", Doc: "trace every function call"},
	{Name: "trace-import-from-derivation", Kind: Bool, Default: "false", Doc: "warn at import from derivation"},
	{Name: "trace-verbose", Kind: Bool, Default: "false", Doc: "make traceVerbose trace"},
	{Name: "trust-tarballs-from-git-forges", Kind: Bool, Default: "true", Doc: "take archives of forges as locked"},
	{Name: "trusted-public-keys", Kind: List, Default: "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=", Aliases: []string{"binary-cache-public-keys"}, Doc: "keys whose signatures count"},
	{Name: "trusted-substituters", Kind: Stores, Aliases: []string{"trusted-binary-caches"}, Doc: "substituters that users may add"},
	{Name: "trusted-users", Kind: List, Default: "root", Doc: "who may change any setting"},
	{Name: "upgrade-nix-store-path-url", Kind: String, Default: "https://github.com/NixOS/nixpkgs/raw/master/nixos/modules/installer/tools/nix-fallback-paths.nix", Doc: "where upgrade-nix looks"},
	{Name: "use-case-hack", Kind: Bool, Default: "false", Doc: "rename files that differ in case only"},
	{Name: "use-cgroups", Kind: Bool, Default: "false", Doc: "run builds in cgroups"},
	{Name: "use-registries", Kind: Bool, Default: "true", Feature: "flakes", Doc: "use flake registries"},
	{Name: "use-sqlite-wal", Kind: Bool, Default: "true", Doc: "use a write-ahead log in the database"},
	{Name: "use-xdg-base-directories", Kind: Bool, Default: "false", Doc: "keep profiles in the XDG folders"},
	{Name: "user-agent-suffix", Kind: String, Doc: "text added to the user agent"},
	{Name: "warn-dirty", Kind: Bool, Default: "true", Doc: "warn about uncommitted changes"},
	{Name: "warn-large-path-threshold", Kind: Int, Default: "0", Doc: "bytes from which adding a path warns"},
	{Name: "warn-short-path-literals", Kind: Bool, Default: "false", Doc: "warn about path literals without ./"},
}

// features are the experimental features that can be named.
var features = [...]string{
	"auto-allocate-uids", "blake3-hashes", "ca-derivations", "cgroups", "configurable-impure-env",
	"daemon-trust-override", "dynamic-derivations", "external-builders", "fetch-closure", "fetch-tree",
	"flakes", "git-hashing", "impure-derivations", "local-overlay-store", "mounted-ssh-store", "nix-command",
	"parse-toml-timestamps", "pipe-operators", "read-only-local-store", "recursive-nix", "verified-fetches",
}
