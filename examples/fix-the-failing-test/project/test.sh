#!/bin/sh
# Asks leap.sh about years whose answer is known.
cd "$(dirname "$0")" || exit 1
failed=0
expect() {
    said=$(sh leap.sh "$1")
    if [ "$said" != "$2" ]; then
        echo "year $1: expected $2, got $said"
        failed=1
    fi
}
expect 2024 yes
expect 2023 no
expect 1900 no
expect 2000 yes
[ "$failed" -eq 0 ] && echo "4 of 4 years are right"
exit "$failed"
