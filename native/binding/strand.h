// Runs work one piece at a time, in the given order.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "binding/executor.h"

namespace cloudenv {

class Strand : public Executor, public std::enable_shared_from_this<Strand> {
 public:
  explicit Strand(Executor* threads) : threads_(threads) {}

  void Submit(std::function<void()> work) override;

 private:
  void Drain();

  Executor* const threads_;
  std::mutex mutex_;
  std::deque<std::function<void()>> queue_;
  bool draining_ = false;
};

}  // namespace cloudenv
