// A vCPU's thread and how to wake it.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "machine/machine.h"

namespace quince::machine {

struct Machine::CpuThread {
  explicit CpuThread(cpu::Vcpu& c) : vcpu(c) {}

  cpu::Vcpu& vcpu;
  std::mutex mutex;
  std::condition_variable wake;
  bool woken = false;  ///< guarded by mutex
  std::jthread thread;
};

}  // namespace quince::machine
