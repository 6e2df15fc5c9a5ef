// The machine's buttons and meters for front ends on other threads.
#pragma once

#include "machine/machine.h"
#include "ui/display.h"

namespace quince::machine {

/// Buttons are pressed on the machine thread, soon after; the machine outlives this.
class MachineControl final : public ui::Control {
 public:
  explicit MachineControl(Machine& machine) : machine_(machine) {}

  ui::MachineFacts facts() const override;
  ui::Status status() override;
  void reset() override;
  void power_button() override;
  void pause() override;
  void resume() override;
  void quit() override;

 private:
  Machine& machine_;
};

}  // namespace quince::machine
