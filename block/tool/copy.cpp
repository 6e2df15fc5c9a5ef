// convert, commit, compare.
#include <algorithm>
#include <cstdio>

#include "base/bits.h"
#include "block/chain.h"
#include "block/iov.h"
#include "block/qcow2/image.h"
#include "block/tool/tool.h"

namespace quince::block::tool {

namespace {

constexpr u64 kChunk = 2 * MiB;   // a multiple of every cluster size
constexpr u64 kSparse = 4 * KiB;  // zeroes of this length are not written

Status read_into(Image& image, u64 offset, std::span<u8> out) {
  const iovec p = part(out);
  return image.read(offset, {&p, 1});
}

/// Writes data, leaving out pieces of zeroes where the target reads as zeroes anyway.
Status write_sparse(Image& to, u64 offset, std::span<const u8> data, bool target_is_zero) {
  for (std::size_t at = 0; at < data.size();) {
    const auto piece = [&](std::size_t from) {
      return data.subspan(from, std::min<std::size_t>(kSparse, data.size() - from));
    };
    const bool zero = all_zero(piece(at));
    std::size_t end = at;
    while (end < data.size() && all_zero(piece(end)) == zero) end += piece(end).size();
    const iovec p = part(data.subspan(at, end - at));
    Status s{};
    if (!zero) s = to.write(offset + at, {&p, 1});
    if (zero && !target_is_zero) s = to.write_zeroes(offset + at, end - at, true);
    if (s != Status{}) return s;
    at = end;
  }
  return {};
}

Status write_compressed(qcow2::Qcow2Image& to, u64 offset, std::span<const u8> data) {
  const u64 cluster = to.header().cluster_size();
  for (u64 at = 0; at < data.size(); at += cluster) {
    const auto piece = data.subspan(at, std::min<u64>(cluster, data.size() - at));
    if (all_zero(piece)) continue;
    if (const Status s = to.write_compressed(offset + at, piece); s != Status{}) return s;
  }
  return {};
}

struct CopyOptions {
  bool own_only = false;  // what the source's backing image has is left out
  bool target_is_zero = false;
  bool compressed = false;
};

Result<void> copy(Image& from, Image& to, const CopyOptions& o, Progress& progress) {
  auto* top = dynamic_cast<qcow2::Qcow2Image*>(&from);
  auto* packed = dynamic_cast<qcow2::Qcow2Image*>(&to);
  std::vector<u8> buffer(kChunk);
  const u64 size = std::min(from.size(), to.size());
  for (u64 at = 0; at < size;) {
    u64 n = std::min(kChunk - at % kChunk, size - at);
    if (o.own_only && top != nullptr) {
      const auto own = top->own_extent(at, n);
      n = own.length;
      if (!own.zero) {  // not its own
        progress.add(n);
        at += n;
        continue;
      }
    }
    const auto e = from.extent(at, n);
    // Compressed clusters are written whole, so holes count only when they fill the piece.
    if (!o.compressed) n = e.length;
    Status s{};
    if (e.zero && e.length == n) {
      if (!o.target_is_zero) s = to.write_zeroes(at, n, true);
    } else {
      const auto data = std::span<u8>(buffer).first(n);
      if (s = read_into(from, at, data); s != Status{}) return failed("could not read", from, s);
      s = o.compressed ? write_compressed(*packed, at, data)
                       : write_sparse(to, at, data, o.target_is_zero);
    }
    if (s != Status{}) return failed("could not write", to, s);
    progress.add(n);
    at += n;
  }
  if (const Status s = to.flush(); s != Status{}) return failed("could not write", to, s);
  return {};
}

}  // namespace

Result<int> convert_command(int argc, char** argv) {
  const Args args = TRY(Args::parse(argc, argv, "f:O:o:b:B:F:cnpqU"));
  if (args.names().size() != 2) return fail("convert: needs a source and a target");
  ChainOptions source;
  source.read_only = true;
  source.share_rw = args.has('U');
  const std::string source_path = TRY(local_path(args.names()[0]));
  const auto from = TRY(open_chain(source_path, args.value('f'), source));
  const std::string path = TRY(local_path(args.names()[1]));
  const std::string backing = args.has('B') ? args.value('B') : args.value('b');
  NewImage n =
      TRY(parse_new_image(args.value('O', "raw"), args.joined('o'), backing, args.value('F')));
  const bool over_backing = !n.qcow2.backing_file.empty();
  if (args.has('c') && (n.format != "qcow2" || args.has('n')))
    return fail("convert: -c needs a new qcow2 image");
  if (n.has_size) return fail("convert: -o size is that of the source");
  n.qcow2.size = n.format == "raw" ? from->size() : align_up(from->size(), 512);
  if (!args.has('n')) TRY_VOID(make_image(path, n));
  const auto to = TRY(open_chain(path, n.format, {}));
  if (to->size() < from->size())
    return fail("convert: '{}' is smaller than '{}'", to->name(), from->name());
  CopyOptions o;
  o.own_only = over_backing;
  o.target_is_zero = !args.has('n') && !over_backing;
  o.compressed = args.has('c');
  Progress progress(args.has('p'), args.has('q'), from->size());
  TRY_VOID(copy(*from, *to, o, progress));
  return 0;
}

Result<int> commit_command(int argc, char** argv) {
  const Args args = TRY(Args::parse(argc, argv, "f:dpq"));
  if (args.names().size() != 1) return fail("commit: needs one file");
  const std::string path = TRY(local_path(args.names()[0]));
  // Without its backing image, which is opened beside it: it is to be written.
  ChainOptions o;
  o.backing = false;
  o.discard = true;
  const auto image = TRY(open_chain(path, args.value('f'), o));
  auto* top = dynamic_cast<qcow2::Qcow2Image*>(image.get());
  if (top == nullptr || top->header().backing_file.empty())
    return fail("commit: '{}' has no backing file", path);
  const std::string below = backing_path(path, TRY(local_path(top->header().backing_file)));
  const auto base = TRY(open_chain(below, top->header().backing_format, {}));
  if (base->size() < top->size())
    if (const Status s = base->resize(top->size()); s != Status{})
      return failed("could not resize", *base, s);
  CopyOptions c;
  c.own_only = true;
  {
    Progress progress(args.has('p'), args.has('q'), top->size());
    TRY_VOID(copy(*top, *base, c, progress));
  }
  if (!args.has('d')) {
    if (const Status s = top->make_empty(); s != Status{})
      return failed("could not empty", *top, s);
    if (const Status s = top->flush(); s != Status{}) return failed("could not write", *top, s);
  }
  if (!args.has('q')) std::printf("Image committed.\n");
  return 0;
}

namespace {

/// The first byte from `at` on that differs, or nothing; bytes past an end are zeroes.
Result<u64> first_difference(Image& a, Image& b, u64 size, Progress& progress) {
  std::vector<u8> data_a(kChunk), data_b(kChunk);
  const auto load = [](Image& image, u64 at, std::span<u8> out) -> Result<void> {
    const u64 there = at >= image.size() ? 0 : std::min<u64>(out.size(), image.size() - at);
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(there), out.end(), u8{0});
    if (there == 0) return {};
    const Status s = read_into(image, at, out.first(there));
    if (s != Status{}) return failed("could not read", image, s);
    return {};
  };
  const auto zero = [](Image& image, u64 at, u64& n) {
    if (at >= image.size()) return true;
    const auto e = image.extent(at, std::min(n, image.size() - at));
    n = std::min(n, e.length);
    return e.zero;
  };
  for (u64 at = 0; at < size;) {
    u64 n = std::min(kChunk, size - at);
    const bool zero_a = zero(a, at, n), zero_b = zero(b, at, n);
    if (!zero_a || !zero_b) {
      const auto part_a = std::span<u8>(data_a).first(n), part_b = std::span<u8>(data_b).first(n);
      TRY_VOID(load(a, at, part_a));
      TRY_VOID(load(b, at, part_b));
      const auto [x, y] = std::mismatch(part_a.begin(), part_a.end(), part_b.begin());
      if (x != part_a.end()) return at + static_cast<u64>(x - part_a.begin());
    }
    progress.add(n);
    at += n;
  }
  return size;
}

}  // namespace

Result<int> compare_command(int argc, char** argv) {
  const Args args = TRY(Args::parse(argc, argv, "f:F:spqU"));
  if (args.names().size() != 2) return fail("compare: needs two files");
  ChainOptions o;
  o.read_only = true;
  o.share_rw = args.has('U');
  const std::string path_a = TRY(local_path(args.names()[0]));
  const std::string path_b = TRY(local_path(args.names()[1]));
  const auto a = TRY(open_chain(path_a, args.value('f'), o));
  const auto b = TRY(open_chain(path_b, args.value('F'), o));
  const bool quiet = args.has('q');
  if (a->size() != b->size()) {
    if (args.has('s')) {
      if (!quiet) std::printf("Strict mode: Image size mismatch!\n");
      return 1;
    }
    if (!quiet) std::printf("Warning: Image size mismatch!\n");
  }
  const u64 size = std::max(a->size(), b->size());
  Result<u64> where = size;
  {
    Progress progress(args.has('p'), quiet, size);
    where = first_difference(*a, *b, size, progress);
  }
  if (!where) {
    std::fprintf(stderr, "quince-img: %s\n", where.error().message().c_str());
    return 4;
  }
  if (*where != size) {
    if (!quiet)
      std::printf("Content mismatch at offset %llu!\n", static_cast<unsigned long long>(*where));
    return 1;
  }
  if (!quiet) std::printf("Images are identical.\n");
  return 0;
}

}  // namespace quince::block::tool
