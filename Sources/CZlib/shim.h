// SPDX-License-Identifier: Apache-2.0
//
// zlib, with the calls that it declares as macros.
#ifndef ULLAGE_CZLIB_H
#define ULLAGE_CZLIB_H
/* As in container_shims.h, which the shim sees beside this. For the other targets types such as fd_set
 * must be as their own flags make them, or the module does not fit to Glibc's. */
#if defined(ULLAGE_SHIM) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include <string.h>
#include <zlib.h>

/// Begins a gzip stream at the usual level; `extra` is the header's extra field. 0 or an error.
static inline int ul_gzip_begin(z_stream *stream, gz_header *header, void *extra,
                                unsigned extra_length) {
    memset(stream, 0, sizeof *stream);
    memset(header, 0, sizeof *header);
    header->os = 255;
    header->extra = (Bytef *)(extra_length > 0 ? extra : NULL);
    header->extra_len = extra_length;
    int result = deflateInit2(stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
                              Z_DEFAULT_STRATEGY);
    return result == Z_OK ? deflateSetHeader(stream, header) : result;
}

#endif
