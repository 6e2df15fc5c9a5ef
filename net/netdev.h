// From options to a back end that runs.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "net/config.h"
#include "net/host.h"
#include "net/hub.h"

namespace quince::net {

class SlirpPort;

/// A back end with its name, as the machine keeps it.
struct Netdev {
  std::string id;
  std::unique_ptr<Port> port;
  SlirpPort* user = nullptr;  ///< type=user: for `hostfwd_add` and the like
};

/// Gives away the back end `id`, to be plugged into a hub; null if there is no such one, or if it
/// is in use.
using TakePort = std::function<std::unique_ptr<Port>(const std::string& id)>;

/// Builds a back end.  Errors are one line that names the type and what is wrong.
Result<Netdev> make_netdev(const NetdevOptions& options, const Host& host, Hubs& hubs,
                           const TakePort& take_port);

/// Writes down what passes through `netdev` from now on; before a device is attached.
Result<void> add_filter_dump(Netdev& netdev, const DumpOptions& options, const Host& host);

}  // namespace quince::net
