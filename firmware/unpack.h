// Bounded decompression of boot images.
#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "base/types.h"

namespace quince::firmware {

/// The contents of gzip data (RFC 1952; members one after another are one file, and anything else
/// behind them is ignored).  Fails on corrupt or truncated data and when the contents are longer
/// than `limit` bytes.
Result<std::vector<u8>> gunzip(std::span<const u8> packed, u64 limit);

/// The contents of one zstd frame (RFC 8878); what follows the frame is ignored.  Fails likewise.
Result<std::vector<u8>> unzstd(std::span<const u8> packed, u64 limit);

}  // namespace quince::firmware
