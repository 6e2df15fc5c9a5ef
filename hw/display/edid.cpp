#include "hw/display/edid.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <span>

#include "base/assert.h"
#include "base/bits.h"

namespace quince::hw {

namespace {

constexpr std::size_t kBlock = 128;
constexpr u32 kDpi = 96;
constexpr char kManufacturer[4] = "QNC";
constexpr u16 kProductCode = 1;
constexpr unsigned kModelYear = 2026;
constexpr std::size_t kTypeOneSize = 20;

u32 millimetres(u32 pixels) { return (pixels * 254 + kDpi * 5) / (kDpi * 10); }

/// The last byte makes the sum zero.
void set_checksum(std::span<u8> bytes) {
  const u32 sum = std::accumulate(bytes.begin(), bytes.end() - 1, 0u);
  bytes.back() = static_cast<u8>(0x100 - sum % 0x100);
}

/// Three letters in five bits each (3.4.1).
u16 manufacturer(const char (&id)[4]) {
  return static_cast<u16>((id[0] - '@') << 10 | (id[1] - '@') << 5 | (id[2] - '@'));
}

/// FNV-1a: a serial number that is no number gets one.
u32 hash(std::string_view text) {
  u32 h = 0x811c'9dc5;
  for (const char c : text) h = (h ^ static_cast<u8>(c)) * 0x0100'0193;
  return h;
}

u32 serial_number(std::string_view text) {
  u32 n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  return error == std::errc{} && end == text.data() + text.size() ? n : hash(text);
}

/// Whether a detailed timing of the base block can say it: 12 bits a side, 16 bits of 10 kHz.
bool fits_detailed(const DisplayTiming& t) {
  return t.h_active < 4096 && t.v_active < 4096 && t.clock_khz / 10 < 65536;
}

/// 3.10.2: a detailed timing, on a screen that is as large as its preferred mode.
void put_detailed(std::span<u8> d, const DisplayTiming& t, const DisplayMode& screen) {
  const u32 h_blank = t.h_total - t.h_active, v_blank = t.v_total - t.v_active;
  const u32 mm_w = millimetres(screen.width), mm_h = millimetres(screen.height);
  const auto byte = [](u32 v) { return static_cast<u8>(v); };
  store_le<u16>(d.data(), static_cast<u16>(t.clock_khz / 10));
  d[2] = byte(t.h_active);
  d[3] = byte(h_blank);
  d[4] = byte((t.h_active >> 8) << 4 | h_blank >> 8);
  d[5] = byte(t.v_active);
  d[6] = byte(v_blank);
  d[7] = byte((t.v_active >> 8) << 4 | v_blank >> 8);
  d[8] = byte(t.h_front);
  d[9] = byte(t.h_sync);
  d[10] = byte((t.v_front & 15) << 4 | (t.v_sync & 15));
  d[11] =
      byte((t.h_front >> 8) << 6 | (t.h_sync >> 8) << 4 | (t.v_front >> 4) << 2 | t.v_sync >> 4);
  d[12] = byte(mm_w);
  d[13] = byte(mm_h);
  d[14] = byte((mm_w >> 8) << 4 | mm_h >> 8);
  d[17] = 0x1a;  // digital, separate syncs; horizontal positive, vertical negative
}

/// 3.10.3: a descriptor of text, which ends with a line feed where there is room.
void put_text(std::span<u8> d, u8 tag, std::string_view text) {
  d[3] = tag;
  std::fill(d.begin() + 5, d.end(), u8{' '});
  std::copy(text.begin(), text.end(), d.begin() + 5);
  if (text.size() < EdidConfig::kMaxText) d[5 + text.size()] = '\n';
}

constexpr std::size_t kStandardTimings = 8;

/// 3.9: a standard timing, or 0 when the mode has none.
u16 standard_timing(const DisplayMode& m) {
  static constexpr struct { u32 w, h; } kRatios[] = {{16, 10}, {4, 3}, {5, 4}, {16, 9}};
  if (m.width < 256 || m.width > 2288 || m.width % 8 != 0 || m.hz < 60 || m.hz > 123) return 0;
  for (u32 i = 0; i < std::size(kRatios); ++i)
    if (m.width * kRatios[i].h == m.height * kRatios[i].w)
      return static_cast<u16>((m.width / 8 - 31) | (i << 6 | (m.hz - 60)) << 8);
  return 0;
}

/// What is offered besides, if asked for: sizes that have standard timings, the likeliest first.
constexpr DisplayMode kUsual[] = {{1920, 1080}, {1280, 800},  {1280, 720},  {1440, 900},
                                  {1600, 900},  {1680, 1050}, {1280, 1024}, {1920, 1200}};

/// DisplayID 1.3, 4.4.2: a Type I timing, 20 bytes.
void put_type_1(std::span<u8> d, const DisplayTiming& t, bool preferred) {
  const u32 clock = static_cast<u32>(t.clock_khz / 10 - 1);
  for (unsigned i = 0; i < 3; ++i) d[i] = static_cast<u8>(clock >> (8 * i));
  d[3] = static_cast<u8>((preferred ? 0x80 : 0) | 8);  // progressive, aspect ratio not named
  const auto field = [&](unsigned at, u32 v, u32 flag = 0) {
    store_le<u16>(&d[at], static_cast<u16>((v - 1) | flag));
  };
  constexpr u32 kPositive = 0x8000;
  field(4, t.h_active);
  field(6, t.h_total - t.h_active);
  field(8, t.h_front, kPositive);
  field(10, t.h_sync);
  field(12, t.v_active);
  field(14, t.v_total - t.v_active);
  field(16, t.v_front);
  field(18, t.v_sync);
}

/// Writes the blocks of one DisplayID section (DisplayID 1.3, 3.1), one behind the other.
class DisplayId {
 public:
  DisplayId(u8 product_type, std::size_t further_sections) {
    constexpr u8 kExtension = 0x70, kVersion = 0x13;
    b_[0] = kExtension;
    b_[kSection] = kVersion;
    b_[kSection + 1] = kBlock - 2 - kPayload;
    b_[kSection + 2] = product_type;
    b_[kSection + 3] = static_cast<u8>(further_sections);
  }
  /// The payload of a new block of this tag.
  std::span<u8> block(u8 tag, std::size_t size) {
    QUINCE_ASSERT(at_ + kHeader + size <= kBlock - 2);
    b_[at_] = tag;
    b_[at_ + 2] = static_cast<u8>(size);
    const std::span<u8> payload = std::span(b_).subspan(at_ + kHeader, size);
    at_ += kHeader + size;
    return payload;
  }
  void timings(std::span<const DisplayMode> modes, const DisplayMode& preferred) {
    constexpr u8 kTypeOne = 0x03;
    const std::span<u8> d = block(kTypeOne, kTypeOneSize * modes.size());
    for (std::size_t i = 0; i < modes.size(); ++i)
      put_type_1(d.subspan(kTypeOneSize * i, kTypeOneSize), cvt_reduced(modes[i]),
                 modes[i] == preferred);
  }
  std::span<const u8> finish() {
    set_checksum(std::span(b_).subspan(kSection, kBlock - 2));
    set_checksum(b_);
    return b_;
  }

 private:
  static constexpr std::size_t kSection = 1, kPayload = kSection + 4, kHeader = 3;
  std::array<u8, kBlock> b_{};
  std::size_t at_ = kPayload;
};

/// What a display must say in its first section: who made it (4.1), how large it is (4.2), and how
/// it is connected (4.7).
void describe(DisplayId& id, const EdidConfig& c) {
  constexpr u8 kProduct = 0x00, kParameters = 0x01, kInterface = 0x0f;
  const DisplayMode& m = c.modes.front();
  const std::span<u8> product = id.block(kProduct, 12);
  std::copy(std::begin(kManufacturer), std::end(kManufacturer) - 1, product.begin());
  store_le<u16>(&product[3], kProductCode);
  store_le<u32>(&product[5], serial_number(c.serial));
  product[9] = 0xff;  // byte 10 is the model's year
  product[10] = kModelYear - 2000;
  const std::span<u8> d = id.block(kParameters, 12);
  store_le<u16>(&d[0], static_cast<u16>(millimetres(m.width) * 10));
  store_le<u16>(&d[2], static_cast<u16>(millimetres(m.height) * 10));
  store_le<u16>(&d[4], static_cast<u16>(m.width));
  store_le<u16>(&d[6], static_cast<u16>(m.height));
  d[9] = 120;  // gamma 2.2
  const u32 longer = std::max(m.width, m.height), shorter = std::min(m.width, m.height);
  d[10] = static_cast<u8>(std::min((longer * 100 + shorter / 2) / shorter - 100, 255u));
  d[11] = 0x77;  // 8 bits per colour
  const std::span<u8> wire = id.block(kInterface, 10);
  wire[0] = 0xa4;  // DisplayPort, four lanes
  wire[1] = 0x12;
  wire[2] = 0x02;  // RGB of 8 bits per colour
}

/// The extension blocks for these timings.
std::vector<u8> extensions(const EdidConfig& c, std::span<const DisplayMode> modes) {
  constexpr u8 kStandalone = 3, kMoreOfIt = 0;
  constexpr std::size_t kFirst = 3, kOthers = 5;  // timings that a section has room for
  const std::size_t first = std::min(modes.size(), kFirst);
  const std::size_t further = (modes.size() - first + kOthers - 1) / kOthers;
  std::vector<u8> out;
  const auto add = [&](DisplayId& id) {
    const std::span<const u8> b = id.finish();
    out.insert(out.end(), b.begin(), b.end());
  };
  DisplayId one(kStandalone, further);
  describe(one, c);
  one.timings(modes.first(first), c.modes.front());
  add(one);
  for (std::size_t at = first; at < modes.size(); at += kOthers) {
    DisplayId more(kMoreOfIt, 0);
    more.timings(modes.subspan(at, std::min(kOthers, modes.size() - at)), c.modes.front());
    add(more);
  }
  return out;
}

/// The fixed part of the base block (3.3 to 3.8).
void put_base(std::span<u8> b, const EdidConfig& c) {
  const DisplayMode& m = c.modes.front();
  std::fill_n(b.begin() + 1, 6, u8{0xff});
  const u16 id = manufacturer(kManufacturer);
  b[8] = static_cast<u8>(id >> 8);
  b[9] = static_cast<u8>(id);
  store_le<u16>(&b[10], kProductCode);
  store_le<u32>(&b[12], serial_number(c.serial));
  b[16] = 0xff;  // byte 17 is the model's year
  b[17] = kModelYear - 1990;
  b[18] = 1;
  b[19] = 4;
  b[20] = 0xa5;  // digital, 8 bits per colour, DisplayPort
  b[21] = static_cast<u8>(std::clamp((millimetres(m.width) + 5) / 10, 1u, 255u));
  b[22] = static_cast<u8>(std::clamp((millimetres(m.height) + 5) / 10, 1u, 255u));
  b[23] = 120;   // gamma 2.2
  b[24] = 0x06;  // RGB 4:4:4 only, sRGB, the first timing is the native one
  // sRGB's primaries and white point.
  constexpr u8 kSrgb[] = {0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54};
  std::copy(std::begin(kSrgb), std::end(kSrgb), &b[25]);
  b[35] = 0x21;                               // 640 × 480 and 800 × 600, 60 Hz
  b[36] = 0x08;                               // 1024 × 768, 60 Hz
  std::fill_n(b.begin() + 38, 16, u8{0x01});  // no standard timing
}

Result<void> check_text(const char* what, std::string_view text) {
  if (text.empty() || text.size() > EdidConfig::kMaxText)
    return fail("{} '{}' is not 1 to {} characters long", what, text, EdidConfig::kMaxText);
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }))
    return fail("{} has a character that is not printable ASCII", what);
  return {};
}

}  // namespace

// ---- Modes -------------------------------------------------------------------------------------

Result<DisplayMode> parse_display_mode(std::string_view text) {
  DisplayMode m;
  const char* const end = text.data() + text.size();
  const auto number = [&](const char*& at, u32& out) {
    const auto [next, error] = std::from_chars(at, end, out);
    at = next;
    return error == std::errc{};
  };
  const char* at = text.data();
  bool good = number(at, m.width) && at != end && *at++ == 'x' && number(at, m.height);
  if (good && at != end) good = *at++ == '@' && number(at, m.hz) && at == end;
  if (!good) return fail("'{}' is not a mode like 1920x1080 or 1920x1080@60", text);
  const auto in = [](u32 v, u32 low, u32 high) { return v >= low && v <= high; };
  if (!in(m.width, DisplayMode::kMinSide, DisplayMode::kMaxSide) ||
      !in(m.height, DisplayMode::kMinSide, DisplayMode::kMaxSide) ||
      !in(m.hz, DisplayMode::kMinHz, DisplayMode::kMaxHz))
    return fail("mode '{}' is out of range ({} to {} pixels a side, {} to {} Hz)", text,
                DisplayMode::kMinSide, DisplayMode::kMaxSide, DisplayMode::kMinHz,
                DisplayMode::kMaxHz);
  return m;
}

// CVT 1.2, 5.4 (reduced blanking): blanking of 160 pixels and at least 460 us, the height of the sync
// pulse from the aspect ratio, and a clock in steps of 250 kHz.
DisplayTiming cvt_reduced(const DisplayMode& m) {
  constexpr u32 kHBlank = 160, kHSync = 32, kHFront = 48, kVFront = 3, kMinVBack = 6;
  constexpr u32 kMinClockHz = 10'250'000;
  constexpr u64 kMinVBlankNs = 460'000, kClockStepKhz = 250;
  static constexpr struct {
    u32 w, h, lines;
  } kSyncs[] = {{4, 3, 4}, {16, 9, 5}, {16, 10, 6}, {5, 4, 7}, {15, 9, 7}};
  u32 v_sync = 10;
  for (const auto& s : kSyncs)
    if (m.width / 8 * 8 == m.height * s.w / s.h / 8 * 8) v_sync = s.lines;
  const u64 frame_ns = 1'000'000'000 / m.hz;
  const u64 visible_ns = frame_ns - kMinVBlankNs;
  const u32 lines = static_cast<u32>(kMinVBlankNs * m.height / visible_ns + 1);
  u32 v_blank = std::max(lines, kVFront + v_sync + kMinVBack);
  // A small picture has a longer pause: readers take slow clocks for nonsense.
  const u32 least = kMinClockHz / (m.hz * (m.width + kHBlank)) + 1;
  if (m.height + v_blank < least) v_blank = least - m.height;
  DisplayTiming t{};
  t.h_active = m.width;
  t.h_front = kHFront;
  t.h_sync = kHSync;
  t.h_total = m.width + kHBlank;
  t.v_active = m.height;
  t.v_front = kVFront;
  t.v_sync = v_sync;
  t.v_total = m.height + v_blank;
  t.clock_khz = u64{m.hz} * t.v_total * t.h_total / 1000 / kClockStepKhz * kClockStepKhz;
  return t;
}

// ---- The whole ---------------------------------------------------------------------------------

Result<void> EdidConfig::check() const {
  if (modes.empty() || modes.size() > kMaxModes)
    return fail("{} modes are not 1 to {}", modes.size(), kMaxModes);
  TRY_VOID(check_text("the name", name));
  return check_text("the serial number", serial);
}

std::vector<u8> make_edid(const EdidConfig& c) {
  const DisplayMode& preferred = c.modes.front();
  // The first detailed timing is there always; a display that is too large for one has half of its
  // size, or a quarter, there, and the truth in the extension.
  DisplayMode first = preferred;
  while (!fits_detailed(cvt_reduced(first)))
    first = {std::max(first.width / 2, DisplayMode::kMinSide),
             std::max(first.height / 2, DisplayMode::kMinSide), first.hz};
  std::vector<u8> out(kBlock);
  const std::span<u8> b(out);
  put_base(b, c);
  std::vector<DisplayMode> rest;
  std::size_t standard = 0;
  for (auto m = c.modes.begin() + 1; m != c.modes.end(); ++m) {
    if (const u16 t = standard_timing(*m); t != 0)
      store_le<u16>(&b[38 + 2 * standard++], t);
    else
      rest.push_back(*m);
  }
  static_assert(EdidConfig::kMaxModes <= kStandardTimings + 1);
  for (const DisplayMode& m : kUsual) {
    const bool there = std::find(c.modes.begin(), c.modes.end(), m) != c.modes.end();
    if (c.usual_modes && !there && standard < kStandardTimings)
      store_le<u16>(&b[38 + 2 * standard++], standard_timing(m));
  }
  std::size_t at = 54;  // of the next descriptor; timings come first
  put_detailed(b.subspan(at, 18), cvt_reduced(first), preferred);
  at += 18;
  if (!rest.empty() && fits_detailed(cvt_reduced(rest.front()))) {
    put_detailed(b.subspan(at, 18), cvt_reduced(rest.front()), preferred);
    at += 18;
    rest.erase(rest.begin());
  }
  put_text(b.subspan(at, 18), 0xff, c.serial);
  put_text(b.subspan(at + 18, 18), 0xfc, c.name);
  if (at + 36 < 126) b[at + 36 + 3] = 0x10;  // an empty one
  // An extension has the preferred timing, whatever else is there.
  if (!rest.empty() || first != preferred) rest.insert(rest.begin(), preferred);
  std::vector<u8> more;
  if (!rest.empty()) more = extensions(c, rest);
  b[126] = static_cast<u8>(more.size() / kBlock);
  set_checksum(b);
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

}  // namespace quince::hw
