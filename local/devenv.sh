# Runs in the place of a builder, in its environment, and writes to one of the
# outputs what bash knows then: variables and functions, as JSON.
set -e
[ ! -e "$NIX_ATTRS_SH_FILE" ] || . "$NIX_ATTRS_SH_FILE"
export IN_NIX_SHELL=impure
export dontAddDisableDepTrack=1
[ -z "$stdenv" ] || . "$stdenv/setup"

__glang_quote() {
    local s=$1
    s=${s//\\/\\\\} s=${s//\"/\\\"}
    s=${s//$'\n'/\\n} s=${s//$'\r'/\\r} s=${s//$'\t'/\\t}
    printf '"%s"' "$s"
}

# Variables of bash itself say nothing about the build.
__glang_skip=" _ DIRSTACK EPOCHREALTIME EPOCHSECONDS EUID FUNCNAME GROUPS HISTCMD HOSTNAME LINENO PIPESTATUS PWD RANDOM SECONDS SHLVL "

# A stripped bash has no compgen to list variables: declare does, one a line,
# but a value may have lines that look like further ones. So the names are
# asked for by their first letters.
__glang_variables() {
    local __glang_letter __glang_name __glang_flags __glang_key __glang_sep=
    for __glang_letter in {A..Z} {a..z} _; do
        eval "set -- \"\${!$__glang_letter@}\""
        for __glang_name; do
            case $__glang_name in BASH_* | COMP_* | __glang_*) continue ;; esac
            case $__glang_skip in *" $__glang_name "*) continue ;; esac
            __glang_flags=$(declare -p "$__glang_name" 2>/dev/null) || continue
            __glang_flags=${__glang_flags#declare } __glang_flags=${__glang_flags%% *}
            case $__glang_flags in
            -x) __glang_type=exported ;;
            --) __glang_type=var ;;
            -a) __glang_type=array ;;
            -A) __glang_type=associative ;;
            *) continue ;; # numbers, constants and references are the shell's own
            esac
            printf '%s\n    ' "$__glang_sep"
            __glang_sep=,
            __glang_quote "$__glang_name"
            printf ': {"type": "%s", "value": ' "$__glang_type"
            case $__glang_type in
            array)
                printf '['
                eval "__glang_values=(\"\${$__glang_name[@]}\")"
                __glang_comma=
                for __glang_key in "${__glang_values[@]}"; do
                    printf '%s' "$__glang_comma"
                    __glang_comma=', '
                    __glang_quote "$__glang_key"
                done
                printf ']'
                ;;
            associative)
                printf '{'
                __glang_comma=
                eval "__glang_keys=(\"\${!$__glang_name[@]}\")"
                for __glang_key in "${__glang_keys[@]}"; do
                    printf '%s' "$__glang_comma"
                    __glang_comma=', '
                    __glang_quote "$__glang_key"
                    printf ': '
                    eval "__glang_quote \"\${$__glang_name[\$__glang_key]}\""
                done
                printf '}'
                ;;
            *) __glang_quote "${!__glang_name}" ;;
            esac
            printf '}'
        done
    done
}

__glang_functions() {
    local flags name body sep=
    while read -r _ flags name; do
        case $name in __glang_*) continue ;; esac
        body=$(declare -f "$name")
        # The text between the braces, as it is written back between braces.
        body=${body#*$'\n'{} body=${body%\}}
        printf '%s\n    ' "$sep"
        sep=,
        __glang_quote "$name"
        printf ': '
        __glang_quote "$body"
    done < <(declare -F)
}

__glang_dump() {
    printf '{\n  "bashFunctions": {'
    __glang_functions
    printf '\n  },\n  "variables": {'
    __glang_variables
    printf '\n  }'
    if [ -e "$NIX_ATTRS_SH_FILE" ]; then
        printf ',\n  "structuredAttrs": {\n    ".attrs.sh": '
        __glang_quote "$(<"$NIX_ATTRS_SH_FILE")"
        printf ',\n    ".attrs.json": '
        __glang_quote "$(<"$NIX_ATTRS_JSON_FILE")"
        printf '\n  }'
    fi
    printf '\n}\n'
}

# With structured attributes outputs maps names to paths, else it is a list of
# variables that hold them. Each must be made; the first gets the text.
__glang_paths=()
if [ -e "$NIX_ATTRS_SH_FILE" ]; then
    __glang_paths=("${outputs[@]}")
else
    for __glang_output in $outputs; do __glang_paths+=("${!__glang_output}"); done
fi
for __glang_output in "${__glang_paths[@]}"; do
    if [ "$__glang_output" = "${__glang_paths[0]}" ]; then
        __glang_dump >"$__glang_output"
    else
        : >"$__glang_output"
    fi
done
