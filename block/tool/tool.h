// quince-img: what its commands share.  Options and exit codes are qemu-img's.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "block/block.h"
#include "block/qcow2/create.h"

namespace quince::block::tool {

// Each takes its own arguments, argv[0] being its name, and returns the exit status or the error.
Result<int> create_command(int argc, char** argv);
Result<int> info_command(int argc, char** argv);
Result<int> convert_command(int argc, char** argv);
Result<int> check_command(int argc, char** argv);
Result<int> resize_command(int argc, char** argv);
Result<int> commit_command(int argc, char** argv);
Result<int> compare_command(int argc, char** argv);
Result<int> import_command(int argc, char** argv);

/// One getopt_long loop: options as in getopt's short form, and the long ones with the letter that
/// they stand for.
class Args {
 public:
  using Long = std::pair<const char*, int>;  // with an argument
  static Result<Args> parse(int argc, char** argv, const char* short_options,
                            const std::vector<Long>& long_options = {});
  bool has(int letter) const;
  /// The last value of an option, or `otherwise`.
  std::string value(int letter, const std::string& otherwise = "") const;
  /// All values of an option with a comma between them.
  std::string joined(int letter) const;
  const std::vector<std::string>& names() const { return names_; }
  /// `--output`: true for json.
  Result<bool> json() const;

 private:
  std::vector<std::pair<int, std::string>> options_;
  std::vector<std::string> names_;
};

/// "10G", "512", "1.5M" (powers of 1024) as bytes.
Result<u64> parse_size(const std::string& text);
/// "1.5 GiB"
std::string human_size(u64 bytes);

/// What -o, -b and -F say about a new image.
struct NewImage {
  std::string format = "raw";
  qcow2::CreateOptions qcow2;
  bool has_size = false;
};
Result<NewImage> parse_new_image(const std::string& format, const std::string& options,
                                 const std::string& backing, const std::string& backing_format);
/// Makes the file, or empties it.
Result<void> make_image(const std::string& path, const NewImage& image);

/// How far the work is, on stdout as qemu-img writes it, for -p or a person.
class Progress {
 public:
  Progress(bool wanted, bool quiet, u64 total);
  ~Progress();
  void add(u64 done);

 private:
  void print();
  const bool on_;
  const u64 total_;
  u64 done_ = 0;
  int shown_ = -1;  // hundredths of a percent
};

/// A flat JSON object that grows line by line.
class JsonObject {
 public:
  void text(const std::string& key, const std::string& value) { raw(key, quote(value)); }
  void number(const std::string& key, u64 value) { raw(key, fmt::format("{}", value)); }
  void flag(const std::string& key, bool value) { raw(key, value ? "true" : "false"); }
  void raw(const std::string& key, const std::string& json);
  std::string str(unsigned indent = 0) const;
  static std::string quote(const std::string& text);

 private:
  std::vector<std::pair<std::string, std::string>> members_;
};

/// An error for an operation on an image.
tl::unexpected<Error> failed(const char* what, const Image& image, Status status);

}  // namespace quince::block::tool
