#!/bin/sh
# What git does: a repository with 150 files and some commits, its log, differences and status.  Names and dates
# are fixed, so the commits are the same everywhere.
folder=$(mktemp -d) && cd "$folder" || exit 1
trap 'rm -rf "$folder"' EXIT
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org
export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
commit() {
  GIT_AUTHOR_DATE="2020-01-0$1T00:00:00Z" GIT_COMMITTER_DATE="2020-01-0$1T00:00:00Z" git commit -q -m "step $1"
}
git -c init.defaultBranch=main init -q . || exit 1
git config gc.auto 0
i=0
while [ $i -lt 150 ]; do
  mkdir -p d$((i % 10))
  seq $i $((i + 60)) >d$((i % 10))/f$i
  i=$((i + 1))
done
git add . && commit 1 || exit 1
for step in 2 3 4; do
  for i in 1 2 3 4 5 6 7 8; do echo "line $step $i" >>d$i/f$((i + 10 * step)); done
  git add . && commit $step || exit 1
done
git log --format='%H %s'
git diff --stat HEAD~3 | tail -n 1
echo change >>d1/f1
git status --short
git repack -q -a -d && git fsck --no-progress
git grep -c 55 | wc -l
