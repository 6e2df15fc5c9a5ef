// create, info, check, resize.
#include <algorithm>
#include <cstdio>

#include "base/bits.h"
#include "block/chain.h"
#include "block/host_file.h"
#include "block/qcow2/check.h"
#include "block/qcow2/image.h"
#include "block/tool/tool.h"

namespace quince::block::tool {

namespace {

Result<std::string> format_of(const std::string& path, const Args& args) {
  return args.has('f') ? args.value('f') : TRY(guess_format(path));
}

/// The file itself, read-only and without claiming it: for looking only.
Result<std::unique_ptr<HostFile>> look_at(const std::string& path) {
  HostFile::Options o;
  o.read_only = true;
  o.locking = Locking::Off;
  return HostFile::open(path, o);
}

}  // namespace

Result<int> create_command(int argc, char** argv) {
  const Args args = TRY(Args::parse(argc, argv, "f:o:b:F:q"));
  const auto& names = args.names();
  if (names.empty() || names.size() > 2) return fail("create: needs a file and a size");
  const std::string path = TRY(local_path(names[0]));
  NewImage n = TRY(
      parse_new_image(args.value('f', "raw"), args.joined('o'), args.value('b'), args.value('F')));
  if (names.size() == 2) {
    n.qcow2.size = align_up(TRY(parse_size(names[1])), 512);
    n.has_size = true;
  }
  if (!n.qcow2.backing_file.empty()) {
    // It must be there, and its size is ours unless another is given.
    ChainOptions o;
    o.read_only = true;
    const std::string below = backing_path(path, TRY(local_path(n.qcow2.backing_file)));
    const auto backing = TRY(open_chain(below, n.qcow2.backing_format, o));
    if (!n.has_size) n.qcow2.size = align_up(backing->size(), 512);
    n.has_size = true;
  }
  if (!n.has_size) return fail("create: '{}' needs a size", path);
  TRY_VOID(make_image(path, n));
  if (!args.has('q'))
    std::printf("Formatting '%s', fmt=%s size=%llu\n", path.c_str(), n.format.c_str(),
                static_cast<unsigned long long>(n.qcow2.size));
  return 0;
}

namespace {

void print_info(const HostFile& file, const std::string& format, const qcow2::Header* h) {
  const u64 size = h != nullptr ? h->size : file.size();
  std::printf("image: %s\nfile format: %s\nvirtual size: %s (%llu bytes)\ndisk size: %s\n",
              file.name().c_str(), format.c_str(), human_size(size).c_str(),
              static_cast<unsigned long long>(size), human_size(file.allocated()).c_str());
  if (h == nullptr) return;
  std::printf("cluster_size: %llu\n", static_cast<unsigned long long>(h->cluster_size()));
  if (!h->backing_file.empty()) std::printf("backing file: %s\n", h->backing_file.c_str());
  if (!h->backing_format.empty())
    std::printf("backing file format: %s\n", h->backing_format.c_str());
  if (h->snapshots != 0) std::printf("internal snapshots: %u\n", h->snapshots);
  std::printf("Format specific information:\n    compat: %s\n", h->version == 2 ? "0.10" : "1.1");
  std::printf("    compression type: %s\n",
              h->compression == qcow2::Compression::Zstd ? "zstd" : "zlib");
  if (h->version == 3)
    std::printf("    lazy refcounts: %s\n",
                (h->compatible & qcow2::kLazyRefcounts) != 0 ? "true" : "false");
  std::printf("    refcount bits: %u\n", 1u << h->refcount_order);
  if (h->version == 3)
    std::printf("    corrupt: %s\n", (h->incompatible & qcow2::kCorrupt) != 0 ? "true" : "false");
}

void print_info_json(const HostFile& file, const std::string& format, const qcow2::Header* h) {
  JsonObject j;
  j.number("virtual-size", h != nullptr ? h->size : file.size());
  j.text("filename", file.name());
  if (h != nullptr) j.number("cluster-size", h->cluster_size());
  j.text("format", format);
  j.number("actual-size", file.allocated());
  if (h != nullptr) {
    if (!h->backing_file.empty()) {
      j.text("backing-filename", h->backing_file);
      j.text("full-backing-filename", backing_path(file.name(), h->backing_file));
    }
    if (!h->backing_format.empty()) j.text("backing-filename-format", h->backing_format);
    JsonObject data, specific;
    data.text("compat", h->version == 2 ? "0.10" : "1.1");
    data.text("compression-type", h->compression == qcow2::Compression::Zstd ? "zstd" : "zlib");
    if (h->version == 3) data.flag("lazy-refcounts", (h->compatible & qcow2::kLazyRefcounts) != 0);
    data.number("refcount-bits", 1u << h->refcount_order);
    if (h->version == 3) data.flag("corrupt", (h->incompatible & qcow2::kCorrupt) != 0);
    specific.text("type", "qcow2");
    specific.raw("data", data.str(8));
    j.raw("format-specific", specific.str(4));
  }
  j.flag("dirty-flag", h != nullptr && (h->incompatible & qcow2::kDirty) != 0);
  std::printf("%s\n", j.str().c_str());
}

}  // namespace

Result<int> info_command(int argc, char** argv) {
  const Args args = TRY(Args::parse(argc, argv, "f:U", {{"output", 'J'}}));
  const bool json = TRY(args.json());
  if (args.names().size() != 1) return fail("info: needs one file");
  const std::string path = TRY(local_path(args.names()[0]));
  const std::string format = TRY(format_of(path, args));
  const auto file = TRY(look_at(path));
  if (format != "raw" && format != "qcow2")
    return fail("{}: the format '{}' is not supported (known: raw, qcow2)", path, format);
  qcow2::Header header;
  const bool is_qcow2 = format == "qcow2";
  if (is_qcow2) header = TRY(qcow2::read_header(*file));
  (json ? print_info_json : print_info)(*file, format, is_qcow2 ? &header : nullptr);
  return 0;
}

namespace {

void print_check(const qcow2::CheckReport& r) {
  const auto n = [](u64 v) { return static_cast<unsigned long long>(v); };
  for (const std::string& m : r.messages) std::printf("%s\n", m.c_str());
  if (r.corruptions_fixed != 0 || r.leaks_fixed != 0)
    std::printf(
        "The following inconsistencies were found and repaired:\n\n    %llu leaked clusters\n"
        "    %llu corruptions\n\n",
        n(r.leaks_fixed), n(r.corruptions_fixed));
  if (r.corruptions == 0 && r.leaks == 0) std::printf("No errors were found on the image.\n");
  if (r.corruptions != 0)
    std::printf(
        "\n%llu errors were found on the image.\n"
        "Data may be corrupted, or further writes to the image may corrupt it.\n",
        n(r.corruptions));
  if (r.leaks != 0)
    std::printf(
        "\n%llu leaked clusters were found on the image.\n"
        "This means waste of disk space, but no harm to data.\n",
        n(r.leaks));
  if (r.total_clusters != 0) {
    const auto percent = [](u64 part, u64 whole) {
      return whole == 0 ? 0.0 : static_cast<double>(part) * 100 / static_cast<double>(whole);
    };
    std::printf("%llu/%llu = %.2f%% allocated, %.2f%% fragmented, %.2f%% compressed clusters\n",
                n(r.allocated_clusters), n(r.total_clusters),
                percent(r.allocated_clusters, r.total_clusters),
                percent(r.fragmented_clusters, r.allocated_clusters),
                percent(r.compressed_clusters, r.allocated_clusters));
  }
  std::printf("Image end offset: %llu\n", n(r.image_end));
}

void print_check_json(const std::string& path, const qcow2::CheckReport& r) {
  JsonObject j;
  j.number("image-end-offset", r.image_end);
  j.number("total-clusters", r.total_clusters);
  j.number("check-errors", 0);
  j.number("corruptions", r.corruptions);
  j.number("leaks", r.leaks);
  j.number("corruptions-fixed", r.corruptions_fixed);
  j.number("leaks-fixed", r.leaks_fixed);
  j.number("allocated-clusters", r.allocated_clusters);
  j.number("fragmented-clusters", r.fragmented_clusters);
  j.number("compressed-clusters", r.compressed_clusters);
  j.text("filename", path);
  j.text("format", "qcow2");
  std::printf("%s\n", j.str().c_str());
}

}  // namespace

Result<int> check_command(int argc, char** argv) {
  const Args args = TRY(Args::parse(argc, argv, "f:r:q", {{"output", 'J'}, {"repair", 'r'}}));
  const bool json = TRY(args.json());
  if (args.names().size() != 1) return fail("check: needs one file");
  const std::string path = TRY(local_path(args.names()[0]));
  qcow2::Repair repair = qcow2::Repair::None;
  if (args.has('r')) {
    if (args.value('r') != "leaks" && args.value('r') != "all")
      return fail("-r {}: must be leaks or all", args.value('r'));
    repair = args.value('r') == "all" ? qcow2::Repair::All : qcow2::Repair::Leaks;
  }
  if (TRY(format_of(path, args)) != "qcow2") {
    std::fprintf(stderr, "quince-img: %s: this format has no checks\n", path.c_str());
    return 63;
  }
  HostFile::Options o;
  o.read_only = repair == qcow2::Repair::None;
  o.resizes = true;
  const auto file = TRY(HostFile::open(path, o));
  const qcow2::CheckReport r = TRY(qcow2::check(*file, repair));
  if (!o.read_only)
    if (const Status s = file->flush(); s != Status{}) return failed("could not write", *file, s);
  if (json)
    print_check_json(path, r);
  else if (!args.has('q'))
    print_check(r);
  return r.corruptions != 0 ? 2 : r.leaks != 0 ? 3 : 0;
}

Result<int> resize_command(int argc, char** argv) {
  // getopt would take "-1G" for options, and has no way to say that --shrink stands alone.
  std::vector<char*> rest;
  std::string relative;
  bool shrink = false;
  for (int n = 0; n < argc; ++n) {
    const std::string_view a = argv[n];
    if (a == "--shrink")
      shrink = true;
    else if (n == argc - 1 && a.size() > 1 && a[0] == '-' && a[1] >= '0' && a[1] <= '9')
      relative = a;
    else
      rest.push_back(argv[n]);
  }
  const Args args = TRY(Args::parse(static_cast<int>(rest.size()), rest.data(), "f:q"));
  std::vector<std::string> names = args.names();
  if (!relative.empty()) names.push_back(relative);
  if (names.size() != 2) return fail("resize: needs a file and a size");
  const std::string path = TRY(local_path(names[0]));
  const char sign = names[1].empty() ? ' ' : names[1][0];
  const bool is_change = sign == '+' || sign == '-';
  const u64 amount = align_up(TRY(parse_size(is_change ? names[1].substr(1) : names[1])), 512);

  const auto image = TRY(open_chain(path, args.value('f'), {}));
  u64 size = amount;
  if (sign == '+') size = image->size() + amount;
  if (sign == '-') {
    if (amount >= image->size()) return fail("resize: '{}' has only {} bytes", path, image->size());
    size = image->size() - amount;
  }
  if (size < image->size() && !shrink)
    return fail("resize: '{}' has {} bytes; --shrink agrees to losing what is behind {}", path,
                image->size(), size);
  if (const Status s = image->resize(size); s != Status{})
    return failed("could not resize", *image, s);
  if (const Status s = image->flush(); s != Status{}) return failed("could not write", *image, s);
  if (!args.has('q')) std::printf("Image resized.\n");
  return 0;
}

}  // namespace quince::block::tool
