// What a display says of itself: VESA Enhanced EDID Standard, release A, revision 2 (EDID 1.4).
//
// Made: the base block with one detailed timing for the preferred mode, standard timings for others
// that have such, and for the usual ones, a serial number, a name; and, for what does not fit there, a DisplayID 1.3
// extension (VESA DisplayID Standard, section 4.4: Type I timings; the wrapping in EDID is its
// appendix B).  Timings are those of VESA CVT 1.2 with reduced blanking.
// Deliberately missing: CTA-861 (a virtual display has neither audio nor interlace), colours other
// than sRGB.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/types.h"

namespace quince::hw {

/// In pixels and Hz.
struct DisplayMode {
  static constexpr u32 kMinSide = 64, kMaxSide = 8192, kMinHz = 23, kMaxHz = 240;
  u32 width = 1280, height = 800;
  u32 hz = 60;
  bool operator==(const DisplayMode&) const = default;
};

/// "WIDTHxHEIGHT" or "WIDTHxHEIGHT@HZ".
Result<DisplayMode> parse_display_mode(std::string_view text);

struct EdidConfig {
  static constexpr std::size_t kMaxModes = 8;
  static constexpr std::size_t kMaxText = 13;  ///< characters

  /// The first is the preferred one.
  std::vector<DisplayMode> modes = {DisplayMode{}};
  /// The usual sizes are offered besides, as far as there is room: a driver that cannot follow a
  /// window takes one of them.
  bool usual_modes = true;
  std::string name = "Quince";  ///< printable ASCII
  std::string serial = "1";     ///< likewise; a number in it is the binary serial number as well

  /// What is wrong with it.
  Result<void> check() const;
};

/// Up to kMaxEdid bytes, in blocks of 128.  `config` passed check().
inline constexpr std::size_t kMaxEdid = 3 * 128;
std::vector<u8> make_edid(const EdidConfig& config);

/// A timing, as both kinds of descriptor have it.
struct DisplayTiming {
  u64 clock_khz;
  u32 h_active, h_front, h_sync, h_total;
  u32 v_active, v_front, v_sync, v_total;
};
/// CVT 1.2 with reduced blanking (version 1).
DisplayTiming cvt_reduced(const DisplayMode& mode);

}  // namespace quince::hw
