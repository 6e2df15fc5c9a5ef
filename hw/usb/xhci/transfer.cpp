#include "hw/usb/xhci/transfer.h"

#include "hw/usb/xhci/transfers.h"

namespace quince::hw {

using namespace xhci;

template <class F>
bool XhciTransfer::each(u32 at, std::size_t n, F&& f) {
  for (std::size_t done = 0; done < n;) {
    if (cursor_ == td.blocks.size()) return false;
    const Trb& trb = td.blocks[cursor_].trb;
    const u32 size = has_buffer(trb) ? trb.length() : 0;
    const u32 offset = at + static_cast<u32>(done) - cursor_start_;
    if (offset >= size) {
      cursor_start_ += size;
      ++cursor_;
      continue;
    }
    const std::size_t part = std::min<std::size_t>(n - done, size - offset);
    if (!f(trb, offset, done, part)) return false;
    done += part;
  }
  return true;
}

bool XhciTransfer::put(u32 at, std::span<const u8> bytes) {
  return each(at, bytes.size(), [&](const Trb& t, u32 offset, std::size_t from, std::size_t n) {
    return core_.dma.write(PhysAddr(t.parameter + offset), bytes.subspan(from, n));
  });
}

bool XhciTransfer::get(u32 at, std::span<u8> bytes) {
  return each(at, bytes.size(), [&](const Trb& t, u32 offset, std::size_t from, std::size_t n) {
    const std::span<u8> out = bytes.subspan(from, n);
    if (!t.has(kIdt)) return core_.dma.read(PhysAddr(t.parameter + offset), out);
    std::array<u8, 8> immediate;
    store_le(immediate.data(), t.parameter);
    std::copy_n(immediate.begin() + offset, n, out.begin());
    return true;
  });
}

void XhciTransfer::completed(UsbStatus status) { engine_.completed(*this, status); }

}  // namespace quince::hw
