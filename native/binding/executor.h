// Runs work that must not run on the JavaScript thread.
#pragma once

#include <functional>

namespace cloudenv {

class Executor {
 public:
  virtual ~Executor() = default;
  virtual void Submit(std::function<void()> work) = 0;
};

}  // namespace cloudenv
