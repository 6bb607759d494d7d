#include <troupe/agent.hpp>
#include <troupe/sys.hpp>

#include "runtime/engine.hpp"

namespace troupe::internal {

void agent_base::handle(request<agent_work> asked) {
  try {
    asked.reply(asked->function->run(*this));
  } catch (const sys::wrong_class& wrong) {
    if (!asked.from())  // it was cast: nobody else is told
      running.home->log(log_level::warning, "a function for an agent is dropped: {}", wrong.what());
    asked.fail(exit_reason::from_current_exception());
  } catch (...) {
    if (asked->changes) throw;
    asked.fail(exit_reason::from_current_exception());
  }
}

}  // namespace troupe::internal
