#pragma once

#include <troupe/net/transport.hpp>

#include <boost/system/error_code.hpp>

namespace troupe::net {

[[nodiscard]] io_errc code_of(const boost::system::error_code& error) noexcept;

// `tried` says what did not work: "cannot listen on 127.0.0.1:80".
[[nodiscard]] io_error make_error(const std::string& tried, io_errc code);
[[nodiscard]] io_error make_error(const std::string& tried, const boost::system::error_code& error);

// Of the last call to the operating system.
[[nodiscard]] boost::system::error_code last_error() noexcept;

}  // namespace troupe::net
