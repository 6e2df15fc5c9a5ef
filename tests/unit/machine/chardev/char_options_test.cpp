// What users write behind -chardev and -serial.
#include <random>

#include "char_bench.h"

namespace quince::machine {
namespace {

using Kind = CharOptions::Kind;

CharOptions chardev(const std::string& text) {
  const auto o = parse_chardev(Properties(split_options(text, "backend")));
  if (!o) ADD_FAILURE() << text << ": " << o.error().message();
  return o.value_or(CharOptions{});
}
CharOptions serial(const std::string& text) {
  const auto o = parse_serial(text);
  if (!o) ADD_FAILURE() << text << ": " << o.error().message();
  return o.value_or(CharOptions{});
}

TEST(CharOptionsTest, ChardevsOfOtherTools) {
  struct Case {
    const char* text;
    bool (*holds)(const CharOptions&);
  };
  using O = const CharOptions&;
  const Case cases[] = {
      {"null,id=n", [](O o) { return o.kind == Kind::Null && o.id == "n" && !o.mux; }},
      {"stdio,id=c", [](O o) { return o.kind == Kind::Stdio && o.signals && !o.mux; }},
      {"stdio,id=c,signal=off,mux=on", [](O o) { return !o.signals && o.mux; }},
      {"file,id=f,path=/proc/self/fd/3",
       [](O o) { return o.kind == Kind::File && o.path == "/proc/self/fd/3" && !o.append; }},
      {"file,id=f,path=a,,b,append=on,input-path=i",
       [](O o) { return o.path == "a,b" && o.append && o.input_path == "i"; }},
      {"socket,id=s,path=P",
       [](O o) {
         return o.kind == Kind::Socket && o.socket.path == "P" && !o.socket.server &&
                !o.socket.wait;
       }},
      {"socket,id=s,path=P,server=on,wait=off",
       [](O o) { return o.socket.server && !o.socket.wait; }},
      {"socket,id=s,path=P,server,nowait", [](O o) { return o.socket.server && !o.socket.wait; }},
      {"socket,id=s,path=P,server=on", [](O o) { return o.socket.server && o.socket.wait; }},
      {"socket,id=s,path=P,abstract=on,tight=off",
       [](O o) { return o.socket.abstract && !o.socket.tight; }},
      {"socket,id=s,fd=7", [](O o) { return o.socket.fd == 7; }},
      {"socket,id=s,host=localhost,port=4444,reconnect=2,nodelay=on",
       [](O o) {
         return o.socket.host == "localhost" && o.socket.port == "4444" &&
                o.socket.reconnect_ms == 2000 && o.socket.nodelay;
       }},
      {"socket,id=s,host=h,port=1,reconnect-ms=50,delay=off",
       [](O o) { return o.socket.reconnect_ms == 50 && o.socket.nodelay; }},
      {"socket,id=s,port=1,to=9,server=on,ipv4=on",
       [](O o) { return o.socket.to == 9 && o.socket.ipv4 && !o.socket.ipv6; }},
      {"socket,id=s,port=1,host=h,ipv6=off,telnet=off",
       [](O o) { return o.socket.ipv4 && !o.socket.ipv6; }},
      {"socket,id=s,path=P,logfile=L,logappend=on",
       [](O o) { return o.logfile == "L" && o.log_append; }},
      {"pty,id=p", [](O o) { return o.kind == Kind::Pty && o.path.empty(); }},
      {"pipe,id=p,path=P", [](O o) { return o.kind == Kind::Pipe && o.path == "P"; }},
      {"ringbuf,id=r", [](O o) { return o.kind == Kind::RingBuf && o.size == 64 * KiB; }},
      {"ringbuf,id=r,size=1M", [](O o) { return o.size == MiB; }},
      {"serial,id=s,path=/dev/ttyS0", [](O o) { return o.kind == Kind::Serial; }},
      {"tty,id=s,path=/dev/ttyS0", [](O o) { return o.kind == Kind::Serial; }},
      {"testdev,id=ctd", [](O o) { return o.kind == Kind::Testdev; }},
  };
  for (const Case& c : cases) EXPECT_TRUE(c.holds(chardev(c.text))) << c.text;
}

TEST(CharOptionsTest, ShortForms) {
  struct Case {
    const char* text;
    bool (*holds)(const CharOptions&);
  };
  using O = const CharOptions&;
  const Case cases[] = {
      {"stdio", [](O o) { return o.kind == Kind::Stdio && o.signals && !o.mux; }},
      {"mon:stdio", [](O o) { return o.kind == Kind::Stdio && !o.signals && o.mux; }},
      {"null", [](O o) { return o.kind == Kind::Null; }},
      {"none", [](O o) { return o.kind == Kind::Null; }},
      {"pty", [](O o) { return o.kind == Kind::Pty; }},
      {"file:a:b,c", [](O o) { return o.kind == Kind::File && o.path == "a:b,c"; }},
      {"pipe:P", [](O o) { return o.kind == Kind::Pipe && o.path == "P"; }},
      {"/dev/ttyUSB0", [](O o) { return o.kind == Kind::Serial && o.path == "/dev/ttyUSB0"; }},
      {"unix:P,server=on,wait=off",
       [](O o) { return o.socket.path == "P" && o.socket.server && !o.socket.wait; }},
      {"unix:P,server,nowait", [](O o) { return o.socket.server && !o.socket.wait; }},
      {"unix:P", [](O o) { return o.socket.path == "P" && !o.socket.server; }},
      {"unix:P,reconnect=1,logfile=L",
       [](O o) { return o.socket.reconnect_ms == 1000 && o.logfile == "L"; }},
      {"tcp:localhost:3636,server,nowait",
       [](O o) {
         return o.socket.host == "localhost" && o.socket.port == "3636" && o.socket.server &&
                !o.socket.wait;
       }},
      {"tcp::4444,server=on,wait=off,nodelay",
       [](O o) { return o.socket.host.empty() && o.socket.port == "4444" && o.socket.nodelay; }},
      {"tcp:[::1]:99", [](O o) { return o.socket.host == "::1" && o.socket.port == "99"; }},
      {"mon:tcp:h:1", [](O o) { return o.mux && o.socket.port == "1"; }},
      {"chardev:con", [](O o) { return o.kind == Kind::Reference && o.id == "con"; }},
  };
  for (const Case& c : cases) EXPECT_TRUE(c.holds(serial(c.text))) << c.text;
}

TEST(CharOptionsTest, ErrorsNameThePropertyAndTheReason) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "the back end is missing; 'help' lists what there is"},
      {"spicevmc,id=x", "'spicevmc' is not a valid char driver name; 'help' lists what is"},
      {"null", "id= is missing"},
      {"null,id=x,bogus=1", "there is no property 'bogus'"},
      {"null,id=x,path=P", "there is no property 'path'"},
      {"stdio,id=x,mux=2", "mux: '2' is neither on nor off"},
      {"file,id=x", "file needs path="},
      {"pipe,id=x", "pipe needs path="},
      {"null,id=x,logappend=on", "logappend needs logfile="},
      {"ringbuf,id=x,size=3000", "size: 3000 is not a power of two up to 67108864"},
      {"ringbuf,id=x,size=0", "size: 0 is not a power of two up to 67108864"},
      {"ringbuf,id=x,size=1T", "size: 1099511627776 is not a power of two up to 67108864"},
      {"socket,id=x", "socket needs one of path=, fd=, and host= with port="},
      {"socket,id=x,path=P,port=1", "socket needs one of path=, fd=, and host= with port="},
      {"socket,id=x,host=h", "socket with host= needs port="},
      {"socket,id=x,path=P,wait=on", "wait is for server=on"},
      {"socket,id=x,path=P,server=on,reconnect=1", "reconnect is for a client, not with server=on"},
      {"socket,id=x,path=P,reconnect=1,reconnect-ms=1",
       "reconnect and reconnect-ms exclude each other"},
      {"socket,id=x,path=P,reconnect=99999999", "reconnect=99999999 is out of range (0 to 86400)"},
      {"socket,id=x,fd=1,reconnect=1", "reconnect needs an address, not fd="},
      {"socket,id=x,fd=-1", "fd: '-1' is not a number"},
      {"socket,id=x,port=5,to=4,server=on", "to=4 is below port=5"},
      {"socket,id=x,port=5,host=h,to=9", "to= is for a server"},
      {"socket,id=x,port=5,host=h,ipv4=off,ipv6=off", "ipv4=off and ipv6=off leave no address"},
      {"socket,id=x,path=P,telnet=on", "telnet=on is not implemented"},
      {"socket,id=x,path=P,tls-creds=t", "tls-creds is not implemented"},
  };
  for (const auto& [text, error] : cases) {
    const auto o = parse_chardev(Properties(split_options(text, "backend")));
    EXPECT_EQ(o ? "accepted" : o.error().message(), error) << text;
  }
  const std::pair<const char*, const char*> shorts[] = {
      {"", "'' is not a valid char driver"},
      {"vc", "'vc' is not implemented: there are no text consoles in a window"},
      {"vc:80Cx24C", "'vc:80Cx24C' is not implemented: there are no text consoles in a window"},
      {"udp:4555", "'udp:4555' is not implemented"},
      {"telnet:h:1", "'telnet:h:1' is not implemented"},
      {"mon:null", "'mon:null' has no terminal for a monitor"},
      {"mon:", "'' is not a valid char driver"},
      {"file:", "file: needs a path"},
      {"pipe:", "pipe: needs a path"},
      {"unix:", "unix: needs a path"},
      {"unix:,server", "unix: needs a path"},
      {"unix:P,bogus", "there is no property 'bogus'"},
      {"tcp:4444", "'4444' is not HOST:PORT"},
      {"tcp:h:", "'h:' is not HOST:PORT"},
      {"tcp:[::1:4", "'[::1:4' has no closing bracket"},
      {"chardev:", "chardev: needs the id of one"},
  };
  for (const auto& [text, error] : shorts) {
    const auto o = parse_serial(text);
    EXPECT_EQ(o ? "accepted" : o.error().message(), error) << text;
  }
}

TEST(CharOptionsTest, HelpListsWhatProbesLookFor) {
  for (const char* name : {"testdev", "socket", "stdio", "ringbuf", "pty", "file", "null"})
    EXPECT_NE(chardev_help().find(std::string("  ") + name + "\n"), std::string::npos) << name;
}

// Hostile text: an answer, and never a crash.  Sanitizers are the judge.
TEST(CharOptionsTest, AnyTextHasAnAnswer) {
  std::mt19937 random(1);
  const char* words[] = {"socket", "stdio",    "tcp:",       "unix:", "mon:",
                         "file:",  ",",        "=",          ":",     "[",
                         "]",      "id=x",     "path=",      "port=", "host=",
                         "server", "wait=off", "fd=",        "size=", "99999999999999999999",
                         "on",     "to=",      "reconnect=", "\n",    "\xff",
                         "nowait"};
  unsigned accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (unsigned n = random() % 8; n != 0; --n) text += words[random() % std::size(words)];
    const auto a = parse_serial(text);
    const auto b = parse_chardev(Properties(split_options(text, "backend")));
    for (const auto* r : {&a, &b}) {
      if (*r) {
        ++accepted;
        EXPECT_TRUE((*r)->kind != Kind::Socket || (*r)->socket.fd >= 0 || (*r)->socket.is_unix() ||
                    !(*r)->socket.port.empty());
      } else {
        EXPECT_FALSE(r->error().message().empty());
      }
    }
  }
  EXPECT_GT(accepted, 10u);
}

}  // namespace
}  // namespace quince::machine
