// tests/unit/cpu/fp/vectors_test.cpp — cpu/fp against recorded results of another implementation.
//
// The vectors in vectors/*.txt were made by tests/vectors/fp/generate.py. Each is run twice: as
// recorded, and with IXC set beforehand, which is what lets the host fast paths in. The environment
// variable QUINCE_FP_VECTORS names another directory to take them from.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "cpu/fp/fp.h"

namespace quince::fp {
namespace {

using Words = std::array<u64, 3>;
using Run = std::function<u64(const Words&, Context&)>;
using Tokens = std::vector<std::string>;

template <class T>
T low(u64 word) {
  return static_cast<T>(word);
}

template <class T>
Run binary(T (*fn)(T, T, Context&)) {
  return [fn](const Words& v, Context& ctx) -> u64 { return fn(low<T>(v[0]), low<T>(v[1]), ctx); };
}

template <class T>
Run unary(T (*fn)(T, Context&)) {
  return [fn](const Words& v, Context& ctx) -> u64 { return fn(low<T>(v[0]), ctx); };
}

template <class T>
Run condition(bool (*fn)(T, T, Context&)) {
  return [fn](const Words& v, Context& ctx) -> u64 {
    return fn(low<T>(v[0]), low<T>(v[1]), ctx) ? static_cast<T>(~T{0}) : 0;
  };
}

template <class T>
Run compare(bool signal) {
  return [signal](const Words& v, Context& ctx) -> u64 {
    return FPCompare(low<T>(v[0]), low<T>(v[1]), signal, ctx);
  };
}

/// The rounding mode of an instruction's mnemonic letter; x and i stand for FPCR's.
Rounding rounding_of(const std::string& letter, const Context& ctx) {
  switch (letter[0]) {
    case 'n':
      return Rounding::TieEven;
    case 'p':
      return Rounding::PlusInf;
    case 'm':
      return Rounding::MinusInf;
    case 'z':
      return Rounding::Zero;
    case 'a':
      return Rounding::TieAway;
    default:
      return ctx.rounding;
  }
}

unsigned size_of(const std::string& letter) { return letter == "i" ? 16 : letter == "w" ? 32 : 64; }

/// Operations whose name is one word before the format.
template <class T>
Run simple_operation(const std::string& name) {
  const std::map<std::string, Run> table = {
      {"add", binary<T>(FPAdd)},
      {"sub", binary<T>(FPSub)},
      {"mul", binary<T>(FPMul)},
      {"mulx", binary<T>(FPMulX)},
      {"div", binary<T>(FPDiv)},
      {"max", binary<T>(FPMax)},
      {"min", binary<T>(FPMin)},
      {"maxnm", binary<T>(FPMaxNum)},
      {"minnm", binary<T>(FPMinNum)},
      {"recps", binary<T>(FPRecipStepFused)},
      {"rsqrts", binary<T>(FPRSqrtStepFused)},
      {"sqrt", unary<T>(FPSqrt)},
      {"abs", unary<T>(FPAbs)},
      {"neg", unary<T>(FPNeg)},
      {"recpe", unary<T>(FPRecipEstimate)},
      {"rsqrte", unary<T>(FPRSqrtEstimate)},
      {"recpx", unary<T>(FPRecpX)},
      {"cmp", compare<T>(false)},
      {"cmpe", compare<T>(true)},
      {"cmeq", condition<T>(FPCompareEQ)},
      {"cmge", condition<T>(FPCompareGE)},
      {"cmgt", condition<T>(FPCompareGT)},
      {"muladd",
       [](const Words& v, Context& ctx) -> u64 {
         return FPMulAdd(low<T>(v[0]), low<T>(v[1]), low<T>(v[2]), ctx);
       }},
  };
  const auto it = table.find(name);
  return it == table.end() ? Run() : it->second;
}

/// Rounding to integral values, and conversions to and from integers.
template <class T>
Run integer_operation(const Tokens& t) {
  if (t[0] == "rint") {
    return [mode = t[1]](const Words& v, Context& ctx) -> u64 {
      return FPRoundInt(low<T>(v[0]), rounding_of(mode, ctx), mode == "x", ctx);
    };
  }
  if (t[0] == "fix") {
    const unsigned fbits = static_cast<unsigned>(std::stoul(t[4]));
    return [t, fbits](const Words& v, Context& ctx) -> u64 {
      const Rounding rounding = rounding_of(t[1], ctx);
      return FPToFixed(low<T>(v[0]), fbits, t[2] == "u", rounding, size_of(t[3]), ctx);
    };
  }
  if (t[0] == "flt") {
    const unsigned fbits = static_cast<unsigned>(std::stoul(t[3]));
    return [t, fbits](const Words& v, Context& ctx) -> u64 {
      return FixedToFP<T>(v[0], fbits, t[1] == "u", size_of(t[2]), ctx.rounding, ctx);
    };
  }
  if constexpr (sizeof(T) != 2) {
    if (t[0] == "rint32" || t[0] == "rint64") {
      return
          [mode = t[1], size = t[0] == "rint32" ? 32u : 64u](const Words& v, Context& ctx) -> u64 {
            return FPRoundIntN(low<T>(v[0]), rounding_of(mode, ctx), size, ctx);
          };
    }
  }
  return simple_operation<T>(t[0]);
}

template <class To, class From>
Run conversion() {
  return [](const Words& v, Context& ctx) -> u64 { return FPConvert<To>(low<From>(v[0]), ctx); };
}

/// Operations on several formats.
Run mixed_operation(const std::string& name) {
  const std::map<std::string, Run> table = {
      {"cvt.h.s", conversion<u32, u16>()},
      {"cvt.h.d", conversion<u64, u16>()},
      {"cvt.s.h", conversion<u16, u32>()},
      {"cvt.s.d", conversion<u64, u32>()},
      {"cvt.d.h", conversion<u16, u64>()},
      {"cvt.d.s", conversion<u32, u64>()},
      {"cvtxn.d.s",
       [](const Words& v, Context& ctx) -> u64 {
         return FPConvert<u32>(v[0], Rounding::Odd, ctx);
       }},
      {"js.d",
       [](const Words& v, Context& ctx) -> u64 {
         bool z = false;
         const u64 result = FPToFixedJS(v[0], ctx, z);
         return result | u64{z} << 32;
       }},
      {"muladdh.s",
       [](const Words& v, Context& ctx) -> u64 {
         return FPMulAddH(low<u32>(v[0]), low<u16>(v[1]), low<u16>(v[2]), ctx);
       }},
      {"bfcvt.s",
       [](const Words& v, Context& ctx) -> u64 { return FPConvertBF(low<u32>(v[0]), ctx); }},
      {"bfdot.s",
       [](const Words& v, Context&) -> u64 {
         return BFDotAdd(low<u32>(v[0]), low<u16>(v[1]), low<u16>(v[1] >> 16), low<u16>(v[2]),
                         low<u16>(v[2] >> 16));
       }},
      {"bfmla.s",
       [](const Words& v, Context& ctx) -> u64 {
         return BFMulAdd(low<u32>(v[0]), low<u16>(v[1]), low<u16>(v[2]), ctx);
       }},
  };
  const auto it = table.find(name);
  return it == table.end() ? Run() : it->second;
}

Run operation(const std::string& name) {
  if (Run run = mixed_operation(name)) return run;
  Tokens tokens;
  std::istringstream in(name);
  for (std::string token; std::getline(in, token, '.');) tokens.push_back(token);
  switch (name.back()) {
    case 'h':
      return integer_operation<u16>(tokens);
    case 's':
      return integer_operation<u32>(tokens);
    case 'd':
      return integer_operation<u64>(tokens);
    default:
      return Run();
  }
}

/// Runs one vector and reports a difference. Returns whether there was none.
bool check(const std::string& name, const Run& run, u32 fpcr, const std::string& line) {
  std::istringstream in(line);
  std::vector<u64> words;
  for (u64 word; in >> std::hex >> word;) words.push_back(word);
  if (words.size() < 3 || words.size() > 5) {
    ADD_FAILURE() << "bad line: " << line;
    return false;
  }
  const u32 flags = static_cast<u32>(words.back());
  words.pop_back();
  const u64 expected = words.back();
  words.pop_back();
  Words operands{};
  for (std::size_t i = 0; i < words.size(); ++i) operands[i] = words[i];
  for (const u32 before : {0u, kIXC}) {
    Context ctx = context_from_fpcr(fpcr, before);
    const u64 result = run(operands, ctx);
    if (result != expected || ctx.flags != (flags | before)) {
      ADD_FAILURE() << name << " fpcr " << std::hex << fpcr << " fpsr " << before << ": " << line
                    << "\n  got " << result << " flags " << ctx.flags;
      return false;
    }
  }
  return true;
}

void run_file(const std::string& stem) {
  const char* other = std::getenv("QUINCE_FP_VECTORS");
  const std::string dir = other ? other : QUINCE_SOURCE_DIR "/tests/unit/cpu/fp/vectors";
  std::ifstream file(dir + "/" + stem + ".txt");
  ASSERT_TRUE(file) << dir << "/" << stem << ".txt";
  std::string name;
  Run run;
  u32 fpcr = 0;
  int vectors = 0;
  int failures = 0;
  for (std::string line; std::getline(file, line) && failures < 20;) {
    if (line[0] == '#') continue;
    if (line[0] == '!') {
      name = line.substr(1);
      run = operation(name);
      ASSERT_TRUE(run) << name;
    } else if (line[0] == '@') {
      fpcr = static_cast<u32>(std::stoul(line.substr(1), nullptr, 16));
    } else {
      ++vectors;
      failures += !check(name, run, fpcr, line);
    }
  }
  EXPECT_GT(vectors, 1000);
}

TEST(FpVectors, Half) { run_file("half"); }
TEST(FpVectors, Single) { run_file("single"); }
TEST(FpVectors, Double) { run_file("double"); }
TEST(FpVectors, Conversions) { run_file("convert"); }

}  // namespace
}  // namespace quince::fp
