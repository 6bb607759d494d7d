#pragma once
// All of troupe's core.

#include <troupe/context.hpp>
#include <troupe/dynamic_supervisor.hpp>
#include <troupe/partition_supervisor.hpp>
#include <troupe/server.hpp>
#include <troupe/supervisor.hpp>
#include <troupe/system.hpp>
