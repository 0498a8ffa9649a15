#!/usr/bin/env bash
# Lists what ends a Swift program on a wrong assumption, in the code that meets files: try!, as!, unwrapping, fatalError, precondition.
# usage: Tests/Faults/lint.sh
cd "$(dirname "$0")/../.." || exit 1
grep -rnE --include='*.swift' '\b(try!|as!|fatalError|precondition|preconditionFailure|assertionFailure)|[])a-zA-Z0-9_]!([.,)]|$| [^=])' Sources Formats |
  grep -vE '^[^:]*:[0-9]+: *//' | grep -vE '"[^"]*!' && exit 1
echo "lint.sh: none in $(find Sources Formats -name '*.swift' | wc -l) files"
