/** What a shell is given to read. All thinking is done by `skerry __complete`; the scripts hand over words and results. */

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** Spaces behind whole words come with the answer: bash knows no other way to leave them out of some. */
const BASH = `# skerry for bash. In ~/.bashrc: source <(skerry completion bash)
_skerry() {
  mapfile -t COMPREPLY < <("\${1/#\\~\\//$HOME/}" __complete bash "$COMP_WORDBREAKS" "\${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
  compopt -o nospace 2>/dev/null
}
complete -F _skerry skerry
`;

const ZSH = `#compdef skerry
# skerry for zsh. In ~/.zshrc, after compinit: source <(skerry completion zsh)
_skerry() {
  local kind text about
  local -a whole whole_shown begun begun_shown
  while IFS=$'\\t' read -r kind text about; do
    if [[ $kind == open ]]; then
      begun+=("$text")
      begun_shown+=("$text\${about:+  -- $about}")
    elif [[ $kind == word ]]; then
      whole+=("$text")
      whole_shown+=("$text\${about:+  -- $about}")
    fi
  done < <("\${~\${(Q)words[1]}}" __complete zsh "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)
  (( $#whole )) && compadd -l -d whole_shown -a whole
  (( $#begun )) && compadd -l -S '' -d begun_shown -a begun
}
if [[ \${funcstack[1]-} == _skerry ]]; then
  _skerry "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
  compdef _skerry skerry
fi
`;

/** fish puts no space behind what ends with a slash, a colon or an equals sign. */
const FISH = `# skerry for fish. Once: skerry completion fish > ~/.config/fish/completions/skerry.fish
function __skerry_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -l plain (string unescape -- $typed)
    test -n "$plain"; or set plain "$typed"
    $words[1] __complete fish $words[2..-1] "$plain" 2>/dev/null
end
complete -c skerry -f -a '(__skerry_complete)'
`;

export const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
