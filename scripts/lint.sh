#!/usr/bin/env bash
# Checks the format of changed lines with clang-format or, with --tidy, changed sources with
# clang-tidy.  Both are of version 14, as other versions see things differently.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<END
usage: lint.sh [--tidy] [--since REVISION] [PATH...]
  clang-format on the lines that differ from REVISION, and on the whole of files git does not know
  --tidy            clang-tidy instead, on the sources that differ, or on PATHs as they are
  --since REVISION  by default where this branch left main; on main, the commit before
END
}

die() {
  echo "lint.sh: $*" >&2
  exit 1
}

# tool NAME: prints the command for version 14 of a tool.
tool() {
  local name
  for name in "$1-14" "$1"; do
    if command -v "$name" >/dev/null; then
      [[ $name == git-* ]] || "$name" --version | grep -q 'version 14\.' || continue
      echo "$name"
      return
    fi
  done
  die "$1 of LLVM 14 is missing (scripts/install-deps.sh check)"
}

default_since() {
  local base head
  head=$(git rev-parse HEAD)
  base=$(git merge-base HEAD main 2>/dev/null || git merge-base HEAD origin/main 2>/dev/null) ||
    base=$head
  if [[ $base == "$head" ]]; then
    base=$(git rev-parse -q --verify 'HEAD^') || base=$head
  fi
  echo "$base"
}

# changed: prints the C++ files that differ from $since, and those git does not know.
changed() {
  git diff --name-only --diff-filter=d "$since" -- "${paths[@]}"
  untracked
}

untracked() {
  git ls-files --others --exclude-standard -- "${paths[@]}" | grep -E '\.(cpp|h)$' || true
}

check_format() {
  local clang_format git_clang_format diff
  clang_format=$(tool clang-format)
  git_clang_format=$(tool git-clang-format)
  diff=$("$git_clang_format" --binary "$(command -v "$clang_format")" --extensions cpp,h --diff \
    "$since" -- "${paths[@]}")
  case $diff in
    "" | "no modified files to format" | *"did not modify any files") ;;
    *)
      echo "$diff"
      die "lines that clang-format writes differently; 'git clang-format $since' rewrites them"
      ;;
  esac
  untracked | xargs -r "$clang_format" --dry-run --Werror
}

# sources: for each file that is read, a source that can be compiled: itself or, for a header, its own
# source or else one that includes it.
sources() {
  local file
  while read -r file; do
    case $file in
      tests/guest/runtime/* | tests/guest/programs/*) ;; # programs for the guest, not for this host
      *.cpp) echo "$file" ;;
      *.h)
        if [[ -e ${file%.h}.cpp ]]; then
          echo "${file%.h}.cpp"
        else
          git grep -l --fixed-strings "#include \"$file\"" -- '*.cpp' | head -n 1 || true
        fi
        ;;
    esac
  done | sort -u
}

check_tidy() {
  local clang_tidy
  clang_tidy=$(tool clang-tidy)
  [[ -e build/clang/compile_commands.json ]] || cmake --preset clang >/dev/null
  if ((explicit)); then git ls-files -- "${paths[@]}"; else changed; fi | sources |
    xargs -r -n 1 -P "$(nproc)" "$clang_tidy" -p build/clang --quiet
}

tidy=0 since="" explicit=0
paths=()
while (($#)); do
  case $1 in
    --tidy) tidy=1 ;;
    --since)
      (($# > 1)) || die "--since wants a revision"
      since=$2
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    -*) die "unknown option '$1' (--tidy, --since)" ;;
    *)
      [[ -e $1 ]] || die "no such file or folder: '$1'"
      paths+=("$1")
      ;;
  esac
  shift
done
if ((${#paths[@]})); then
  [[ -n $since ]] || explicit=1
else
  paths=(.)
fi
git rev-parse --is-inside-work-tree >/dev/null 2>&1 || die "this is no git checkout"
if [[ -z $since ]]; then
  since=$(default_since)
elif ! git rev-parse -q --verify "$since^{commit}" >/dev/null; then
  die "unknown revision '$since'"
fi
if ((tidy)); then check_tidy; else check_format; fi
