#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Bytes that are hard on a log driver, to stdout: escapes, control characters, what is no UTF-8,
# empty lines, a line longer than Docker's 16 KiB with a character across the cut, and an end without
# a newline.
printf 'plain\n'
printf '\n'
printf 'quote " backslash \\ slash / tab\t return\r bell\a nul\0 delete\177\n'
printf 'html <b>&amp;</b> caf\303\251 \342\202\254 \360\237\232\200 \342\200\250 \342\200\251\n'
printf 'no UTF-8: \377\376 \303( \355\240\200 \360\237 \342\202\n'
printf '\033[31mred\033[0m \302\233 \302\240\n'
printf '{"level":"warn","msg":"nested \\"json\\""}\n'
awk 'BEGIN { for (i = 0; i < 16383; i++) printf "x"; printf "\303\251 after the cut\n" }'
awk 'BEGIN { for (i = 0; i < 32768; i++) printf "y"; printf "\n" }'
printf 'no newline at the end'
