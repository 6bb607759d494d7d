#include "sharding/mail_buffer.hpp"

#include <bit>

#include "cluster/footprint.hpp"

namespace troupe::net::internal {

namespace core = troupe::internal;

void refuse(const sharding_plan& plan, message what, const std::string& why) {
  const std::uint64_t so_far = plan.tally->refused.fetch_add(1, std::memory_order_relaxed) + 1;
  if (std::has_single_bit(so_far))
    context::current().system().log(log_level::warning, "sharding " + plan.name + ": a " +
                                                            std::string(what.name()) +
                                                            " is refused, because " + why +
                                                            "; so far " + std::to_string(so_far));
  if (what.type().kind == message_kind::request)
    core::send_failure(*static_cast<core::request_header*>(what.payload()),
                       exit_reason::error(std::string(sharding_refusal), why));
}

void warn_of_lease(const sharding_plan& plan, context self, const std::string& text) {
  constexpr std::chrono::nanoseconds pause = std::chrono::seconds(10);
  const steady_time::rep now = self.now().time_since_epoch().count();
  steady_time::rep before = plan.tally->warned.load(std::memory_order_relaxed);
  if (before > now - pause.count()) return;
  if (!plan.tally->warned.compare_exchange_strong(before, now, std::memory_order_relaxed)) return;
  self.system().log(log_level::warning, text + "; the same may be true of other shards");
}

mail_buffer::~mail_buffer() {
  for (const entry& each : mail_) count_out(each);
}

void mail_buffer::push(shard_mail mail) {
  node_tally& all = *plan_->tally;
  const std::size_t bytes = footprint(mail.what) + mail.key.size();
  const sharding_options& most = plan_->options;
  // Two who push at once may both go beyond the bound by one message.
  if (all.buffered.load(std::memory_order_relaxed) >= most.max_buffered ||
      all.buffered_bytes.load(std::memory_order_relaxed) + bytes > most.max_buffered_bytes)
    return refuse(*plan_, std::move(mail.what),
                  "more waits for shards that are on their way than "
                  "sharding_options::max_buffered or max_buffered_bytes allow");
  all.buffered.fetch_add(1, std::memory_order_relaxed);
  all.buffered_bytes.fetch_add(bytes, std::memory_order_relaxed);
  mail_.push_back({std::move(mail), bytes});
}

shard_mail mail_buffer::pop() {
  entry first = std::move(mail_.front());
  mail_.pop_front();
  count_out(first);
  return std::move(first.mail);
}

void mail_buffer::drop_expired(steady_time now) {
  std::erase_if(mail_, [&](entry& each) {
    if (each.mail.what.type().kind != message_kind::request) return false;
    auto& header = *static_cast<core::request_header*>(each.mail.what.payload());
    if (header.deadline > now) return false;
    core::send_failure(header, exit_reason::error("troupe::timeout", "not taken up in time"));
    count_out(each);
    return true;
  });
}

void mail_buffer::count_out(const entry& gone) noexcept {
  plan_->tally->buffered.fetch_sub(1, std::memory_order_relaxed);
  plan_->tally->buffered_bytes.fetch_sub(gone.bytes, std::memory_order_relaxed);
}

}  // namespace troupe::net::internal
