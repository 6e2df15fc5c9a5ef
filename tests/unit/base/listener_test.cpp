// Listener: clients one by one, also when the host has no descriptor left for them.
#include "base/listener.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "tests/support/no_descriptors.h"

namespace quince {
namespace {

constexpr s64 kHour = 3'600'000'000'000;

class ListenerTest : public testing::Test {
 protected:
  /// On a name that the kernel chooses.
  void SetUp() override {
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    const sa_family_t family = AF_UNIX;
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&family), sizeof family), 0);
    ASSERT_EQ(::listen(fd.get(), 8), 0);
    socket_ = std::move(fd);
  }
  void make(s64 rest_ns = Listener::kRestNs) {
    listener_ = std::make_unique<Listener>(
        loop_, std::move(socket_), [this](Fd fd) { clients_.push_back(std::move(fd)); }, rest_ns);
  }
  Fd client() {
    Fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un name{};
    socklen_t size = sizeof name;
    ::getsockname(listener_->fd(), reinterpret_cast<sockaddr*>(&name), &size);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), size), 0);
    return fd;
  }
  void settle() {
    for (unsigned i = 0; i < 20; ++i) loop_.run_once(0);
  }

  EventLoop loop_;
  Fd socket_;
  std::unique_ptr<Listener> listener_;
  std::vector<Fd> clients_;
};

TEST_F(ListenerTest, TakesClientsWhileItRuns) {
  make();
  const Fd one = client();
  settle();
  EXPECT_EQ(clients_.size(), 0u);
  listener_->start();
  settle();
  ASSERT_EQ(clients_.size(), 1u);
  const Fd two = client();
  const Fd three = client();
  settle();
  EXPECT_EQ(clients_.size(), 3u);
  listener_->stop();
  const Fd four = client();
  settle();
  EXPECT_EQ(clients_.size(), 3u);
  EXPECT_TRUE(listener_->accept());
  EXPECT_FALSE(listener_->accept());
  EXPECT_FALSE(Listener::is_lasting(errno));
  char byte = 0;
  EXPECT_EQ(::recv(clients_[0].get(), &byte, 1, 0), -1);  // and does not wait
  EXPECT_EQ(::fcntl(clients_[0].get(), F_GETFD), FD_CLOEXEC);
}

TEST_F(ListenerTest, RestsWithoutDescriptors) {
  make(kHour);
  listener_->start();
  settle();
  const Fd peer = client();
  int error = 0;
  {
    const NoDescriptors none;
    settle();
    if (!listener_->accept()) error = errno;
  }
  EXPECT_EQ(listener_->failures(), 1u);
  EXPECT_EQ(error, EMFILE);
  EXPECT_TRUE(Listener::is_lasting(error));
  settle();
  EXPECT_TRUE(clients_.empty()) << "the hour is not over";
  EXPECT_TRUE(listener_->accept()) << "the client was kept";
}

TEST_F(ListenerTest, GoesOnAfterTheRest) {
  make(1'000'000);
  listener_->start();
  settle();
  const Fd peer = client();
  {
    const NoDescriptors none;
    while (listener_->failures() < 2) loop_.run_once(-1);  // wakes up by itself
  }
  while (clients_.empty()) loop_.run_once(-1);
  EXPECT_EQ(clients_.size(), 1u);
}

}  // namespace
}  // namespace quince
