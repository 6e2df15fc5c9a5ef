// Address decoding.  See decode.h.
#include "hw/pci/decode.h"

namespace quince::hw {

void DecodeMap::add(PciRange range, PciFunction& function, unsigned bar, u64 offset) {
  if (range.empty()) return;
  const u64 start = range.first;
  const auto put = [&](std::vector<Entry>& to, u64 first, u64 last) {
    to.push_back({{first, last}, &function, bar, offset + (first - start)});
  };
  // The gaps that the entries leave in the range.
  std::vector<Entry> added;
  u64 next = range.first;
  bool done = false;
  for (const Entry& e : entries_) {
    if (e.range.last < next) continue;
    if (e.range.first > range.last) break;
    if (e.range.first > next) put(added, next, e.range.first - 1);
    if (e.range.last >= range.last) {
      done = true;
      break;
    }
    next = e.range.last + 1;
  }
  if (!done) put(added, next, range.last);
  entries_.insert(entries_.end(), added.begin(), added.end());
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return a.range.first < b.range.first; });
}

const DecodeMap::Entry* DecodeMap::find(u64 address) const {
  auto it = std::upper_bound(entries_.begin(), entries_.end(), address,
                             [](u64 a, const Entry& e) { return a < e.range.first; });
  if (it == entries_.begin()) return nullptr;
  --it;
  return address <= it->range.last ? &*it : nullptr;
}

}  // namespace quince::hw
