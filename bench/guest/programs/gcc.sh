#!/bin/sh
# Compiles preprocessed sources to assembly on stdout: gcc.sh COMPILER FOLDER.  Without the compiler's name in it,
# a cross compiler writes the same.
set +f
for source in "$2"/*.i; do
  "$1" -O2 -fno-ident -fpreprocessed -S -o - "$source" || exit 1
done
