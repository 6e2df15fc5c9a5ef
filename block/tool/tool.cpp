#include "block/tool/tool.h"

#include <getopt.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "base/bits.h"
#include "block/chain.h"
#include "block/host_file.h"

namespace quince::block::tool {

Result<Args> Args::parse(int argc, char** argv, const char* short_options,
                         const std::vector<Long>& long_options) {
  std::vector<option> table;
  for (const auto& [name, letter] : long_options)
    table.push_back({name, required_argument, nullptr, letter});
  table.push_back({});
  const std::string spec = std::string(":") + short_options;  // errors are ours to print
  Args args;
  optind = 1;
  for (;;) {
    const int c = ::getopt_long(argc, argv, spec.c_str(), table.data(), nullptr);
    if (c == -1) break;
    if (c == '?') return fail("{}: unknown option '{}'", argv[0], argv[optind - 1]);
    if (c == ':') return fail("{}: option '{}' needs a value", argv[0], argv[optind - 1]);
    args.options_.emplace_back(c, optarg != nullptr ? optarg : "");
  }
  for (int n = optind; n < argc; ++n) args.names_.emplace_back(argv[n]);
  return args;
}

bool Args::has(int letter) const {
  return std::any_of(options_.begin(), options_.end(),
                     [&](const auto& o) { return o.first == letter; });
}

std::string Args::value(int letter, const std::string& otherwise) const {
  std::string v = otherwise;
  for (const auto& [l, text] : options_)
    if (l == letter) v = text;
  return v;
}

std::string Args::joined(int letter) const {
  std::string v;
  for (const auto& [l, text] : options_)
    if (l == letter) v += (v.empty() ? "" : ",") + text;
  return v;
}

Result<bool> Args::json() const {
  const std::string v = value('J', "human");
  if (v == "json" || v == "human") return v == "json";
  return fail("--output={}: must be human or json", v);
}

Result<u64> parse_size(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  static constexpr std::string_view kUnits = "bkmgtpe";
  std::string unit(end);
  if (unit.size() == 1) {
    const std::size_t n = kUnits.find(static_cast<char>(unit[0] | 0x20));
    const double bytes = std::ldexp(value, static_cast<int>(n) * 10);
    if (n != std::string_view::npos && value >= 0 && bytes < 0x1p63) return static_cast<u64>(bytes);
  } else if (unit.empty() && end != text.c_str() &&
             text.find_first_not_of("0123456789") == std::string::npos && value < 0x1p63) {
    return std::strtoull(text.c_str(), nullptr, 10);
  }
  return fail("'{}' is not a size (a number, with k, M, G, T, P or E)", text);
}

std::string human_size(u64 bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  unsigned unit = 0;
  double v = static_cast<double>(bytes);
  for (; v >= 1000 && unit < 6; ++unit) v /= 1024;
  return fmt::format("{:.3g} {}", v, kUnits[unit]);
}

namespace {

Result<bool> on_off(const std::string& key, const std::string& value) {
  if (value == "on" || value == "true") return true;
  if (value == "off" || value == "false") return false;
  return fail("{}={}: must be on or off", key, value);
}

Result<void> set_option(NewImage& n, const std::string& key, const std::string& value) {
  if (key == "size") {
    n.qcow2.size = TRY(parse_size(value));
    n.has_size = true;
    return {};
  }
  if (n.format == "qcow2") {
    if (key == "cluster_size") return n.qcow2.cluster_size = TRY(parse_size(value)), Result<void>{};
    if (key == "lazy_refcounts")
      return n.qcow2.lazy_refcounts = TRY(on_off(key, value)), Result<void>{};
    if (key == "backing_file") return n.qcow2.backing_file = value, Result<void>{};
    if (key == "backing_fmt") return n.qcow2.backing_format = value, Result<void>{};
    if (key == "refcount_bits")
      return n.qcow2.refcount_bits = static_cast<u32>(std::min<u64>(TRY(parse_size(value)), 1000)),
             Result<void>{};
    if (key == "compat") {
      if (value != "0.10" && value != "1.1" && value != "v2" && value != "v3")
        return fail("compat={}: must be 0.10 or 1.1", value);
      n.qcow2.version = value == "0.10" || value == "v2" ? 2 : 3;
      return {};
    }
    if (key == "compression_type") {
      if (value != "zlib" && value != "zstd")
        return fail("compression_type={}: must be zlib or zstd", value);
      n.qcow2.compression = value == "zstd" ? qcow2::Compression::Zstd : qcow2::Compression::Zlib;
      return {};
    }
  }
  if (key == "preallocation" && value == "off") return {};
  return fail("-o {}={}: not supported for the format {}", key, value, n.format);
}

}  // namespace

Result<NewImage> parse_new_image(const std::string& format, const std::string& options,
                                 const std::string& backing, const std::string& backing_format) {
  NewImage n;
  n.format = format;
  if (format != "raw" && format != "qcow2")
    return fail("the format '{}' is not supported (known: raw, qcow2)", format);
  for (std::size_t at = 0; at < options.size();) {
    const std::size_t end = std::min(options.find(',', at), options.size());
    const std::string one = options.substr(at, end - at);
    const std::size_t equals = one.find('=');
    if (equals == std::string::npos) return fail("-o {}: needs a value", one);
    TRY_VOID(set_option(n, one.substr(0, equals), one.substr(equals + 1)));
    at = end + 1;
  }
  if (!backing.empty()) n.qcow2.backing_file = backing;
  if (!backing_format.empty()) n.qcow2.backing_format = backing_format;
  if (format == "raw" && !n.qcow2.backing_file.empty())
    return fail("the format raw has no backing files");
  if (!n.qcow2.backing_file.empty() && n.qcow2.backing_format.empty())
    return fail("a backing file needs its format (-F)");
  return n;
}

Result<void> make_image(const std::string& path, const NewImage& n) {
  HostFile::Options f;
  f.create = true;
  f.resizes = n.format != "raw";
  const auto file = TRY(HostFile::open(path, f));
  if (n.format == "qcow2") return qcow2::create(*file, n.qcow2);
  if (const Status s = file->resize(n.qcow2.size); s != Status{})
    return failed("could not size", *file, s);
  return {};
}

Progress::Progress(bool wanted, bool quiet, u64 total)
    : on_(!quiet && (wanted || ::isatty(STDOUT_FILENO) != 0)), total_(total) {
  print();
}

Progress::~Progress() {
  if (on_) std::printf("\n");
}

void Progress::add(u64 done) {
  done_ += done;
  print();
}

void Progress::print() {
  if (!on_) return;
  const int now =
      total_ == 0
          ? 10000
          : static_cast<int>(static_cast<double>(done_) * 10000 / static_cast<double>(total_));
  if (now == shown_) return;
  shown_ = now;
  std::printf("    (%d.%02d/100%%)\r", now / 100, now % 100);
  std::fflush(stdout);
}

void JsonObject::raw(const std::string& key, const std::string& json) {
  members_.emplace_back(key, json);
}

std::string JsonObject::quote(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += {'\\', c};
    else if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out + "\"";
}

std::string JsonObject::str(unsigned indent) const {
  const std::string space(indent + 4, ' ');
  std::string out = "{";
  for (std::size_t n = 0; n < members_.size(); ++n)
    out += fmt::format("{}\n{}{}: {}", n == 0 ? "" : ",", space, quote(members_[n].first),
                       members_[n].second);
  return out + "\n" + std::string(indent, ' ') + "}";
}

tl::unexpected<Error> failed(const char* what, const Image& image, Status status) {
  return fail("{} '{}': {}", what, image.name(), std::make_error_code(status).message());
}

}  // namespace quince::block::tool
