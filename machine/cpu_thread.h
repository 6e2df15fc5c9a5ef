// A vCPU's thread and how to wake it.
#pragma once

#include <thread>

#include "machine/machine.h"
#include "machine/sleeper.h"

namespace quince::machine {

struct Machine::CpuThread {
  explicit CpuThread(cpu::Vcpu& c) : vcpu(c) {}

  cpu::Vcpu& vcpu;
  Sleeper sleeper;
  std::jthread thread;
};

}  // namespace quince::machine
