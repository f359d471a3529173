/*
 * Faults that the memory checkers must notice, one for each name on the command line.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *volatile sink;

int main(int argc, char **argv)
{
    const char *fault = argc > 1 ? argv[1] : "";

    if (strcmp(fault, "leak") == 0) {
        sink = malloc(10);
        sink = NULL;
    } else if (strcmp(fault, "overflow") == 0) {
        sink = malloc(10);
        sink[10] = 1;
        free(sink);
    } else if (strcmp(fault, "shift") == 0) {
        printf("%d\n", 1 << (30 + argc));
    } else {
        return 2;
    }
    return 0;
}
