#include "tests/diff/engine.h"

namespace quince::test {

Result<OracleResult> run_one(Engine& engine, const OracleCase& c, bool guarded) {
  TRY_VOID(engine.start(std::span(&c, 1), guarded));
  const auto results = TRY(engine.finish());
  return results[0];
}

}  // namespace quince::test
