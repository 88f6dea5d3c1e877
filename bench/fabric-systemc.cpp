// The peer of bench/fabric-tlps.ts: the same functional fabric in SystemC TLM-2.0, loosely timed with blocking transport.
// One module for each PCI function; a request is a generic payload that goes from socket to socket: up from the
// requester, across a bus to the peer that claims the address, down to its BAR. The checks are those of src/fabric that
// such a route meets: bus mastering, Source Validation, Translation Blocking, the windows of every port on the way,
// Upstream Forwarding, Request Redirect, Egress Control and Direct Translated P2P, and byte counters on every link.
//
// Started with a file (see fabric-tlps.ts for its form). Reads commands from standard input, one a line, and answers
// each with one line:
//   run N    carries out N TLPs; nanoseconds each
//   anew N   the same, and writes a port's ACS control register before each
//   state    "checksum of all BARs" "sum of bytes up" "sum of bytes down", after everything so far

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

#include <systemc>
#include <tlm>
#include <tlm_utils/multi_passthrough_initiator_socket.h>
#include <tlm_utils/multi_passthrough_target_socket.h>

namespace {

constexpr unsigned COMMAND_MEMORY = 0x2, COMMAND_MASTER = 0x4;
constexpr unsigned ACS_SV = 0x01, ACS_TB = 0x02, ACS_RR = 0x04, ACS_UF = 0x10, ACS_EC = 0x20, ACS_DT = 0x40;
constexpr uint64_t PAGE_BYTES = 4096;
constexpr int WINDOW = -1;

// What the generic payload does not have.
struct TlpExtension : tlm::tlm_extension<TlpExtension> {
  int64_t requester_bus = 0;
  bool is_translated = false;
  bool is_redirected = false;
  tlm::tlm_extension_base *clone() const override { return new TlpExtension(*this); }
  void copy_from(const tlm::tlm_extension_base &other) override { *this = static_cast<const TlpExtension &>(other); }
};

// Bytes by page, made by the first write.
class Store {
 public:
  void write(uint64_t address, const unsigned char *from, uint64_t length) {
    while (length > 0) {
      const uint64_t within = address % PAGE_BYTES;
      const uint64_t part = std::min(length, PAGE_BYTES - within);
      std::memcpy(page(address / PAGE_BYTES) + within, from, part);
      address += part;
      from += part;
      length -= part;
    }
  }

  // As fabric-tlps.ts: each byte times its offset plus one, modulo 2^32.
  uint32_t checksum() const {
    uint32_t sum = 0;
    for (const auto &[number, bytes] : pages_)
      for (uint64_t index = 0; index < PAGE_BYTES; index++)
        sum += bytes[index] * static_cast<uint32_t>(number * PAGE_BYTES + index + 1);
    return sum;
  }

 private:
  unsigned char *page(uint64_t number) {
    if (number == last_number_ && last_ != nullptr) return last_;
    auto &slot = pages_[number];
    if (slot == nullptr) slot.reset(new unsigned char[PAGE_BYTES]());
    last_number_ = number;
    return last_ = slot.get();
  }

  std::unordered_map<uint64_t, std::unique_ptr<unsigned char[]>> pages_;
  uint64_t last_number_ = 0;
  unsigned char *last_ = nullptr;
};

struct Claim {
  uint64_t start, end;
  int owner, bar;
};

// What the devices on one bus claim, ascending.
struct Bus {
  std::vector<Claim> claims;
  const Claim *find(uint64_t address) const {
    auto above = std::upper_bound(claims.begin(), claims.end(), address,
                                  [](uint64_t value, const Claim &claim) { return value < claim.start; });
    if (above == claims.begin()) return nullptr;
    --above;
    return address < above->end ? &*above : nullptr;
  }
};

struct Registers {
  int parent = -1;
  int is_port = 0;
  unsigned command = 0, acs = 0;
  int64_t secondary = -1, subordinate = -1, bus = 0;
};

// Sockets that may stay unbound: an endpoint has nothing below it.
template <typename Module>
using Target = tlm_utils::multi_passthrough_target_socket<Module, 32, tlm::tlm_base_protocol_types, 0,
                                                          sc_core::SC_ZERO_OR_MORE_BOUND>;
template <typename Module>
using Initiator = tlm_utils::multi_passthrough_initiator_socket<Module, 32, tlm::tlm_base_protocol_types, 0,
                                                                sc_core::SC_ZERO_OR_MORE_BOUND>;

struct Function : sc_core::sc_module {
  // From what is below, and from what is above or beside.
  Target<Function> from_below{"from_below"};
  Target<Function> from_above{"from_above"};
  Initiator<Function> up{"up"};
  Initiator<Function> across{"across"};
  Initiator<Function> down{"down"};

  Registers registers;
  int index;
  const Bus *on = nullptr;     // the bus that it is on
  const Bus *below = nullptr;  // the bus below it
  std::vector<int> across_by_owner, down_by_owner;  // number of the socket, by function
  std::vector<Store> bars = std::vector<Store>(6);
  uint64_t bytes_up = 0, bytes_down = 0;

  Function(const sc_core::sc_module_name &name, int number) : sc_module(name), index(number) {
    from_below.register_b_transport(this, &Function::take_from_below);
    from_above.register_b_transport(this, &Function::take_from_above);
  }

  void issue(tlm::tlm_generic_payload &payload, sc_core::sc_time &delay) {
    if ((registers.command & COMMAND_MASTER) == 0) return payload.set_response_status(tlm::TLM_COMMAND_ERROR_RESPONSE);
    send_up(payload, delay);
  }

  void take_from_below(int, tlm::tlm_generic_payload &payload, sc_core::sc_time &delay) {
    const auto *extension = payload.get_extension<TlpExtension>();
    if ((registers.command & COMMAND_MASTER) == 0) return payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    if (registers.is_port != 0 && registers.acs != 0) {
      const bool is_below =
          extension->requester_bus >= registers.secondary && extension->requester_bus <= registers.subordinate;
      if ((!is_below && (registers.acs & ACS_SV) != 0) || (extension->is_translated && (registers.acs & ACS_TB) != 0))
        return payload.set_response_status(tlm::TLM_COMMAND_ERROR_RESPONSE);
    }
    send_up(payload, delay);
  }

  void send_up(tlm::tlm_generic_payload &payload, sc_core::sc_time &delay) {
    auto *extension = payload.get_extension<TlpExtension>();
    const Claim *claim = on->find(payload.get_address());
    if (claim != nullptr && claim->owner == index) {
      if (claim->bar != WINDOW) return deliver(payload, *claim);
      const bool forwards = registers.is_port != 0 ? (registers.acs & ACS_UF) != 0 : extension->is_redirected;
      if (!forwards) return payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
      extension->is_redirected = true;
    } else if (claim != nullptr && registers.parent >= 0) {
      const bool is_direct = extension->is_translated && (registers.acs & ACS_DT) != 0;
      const bool redirects = (registers.acs & ACS_RR) != 0;
      if (!is_direct && !redirects && (registers.acs & ACS_EC) != 0)
        return payload.set_response_status(tlm::TLM_COMMAND_ERROR_RESPONSE);
      if (is_direct || !redirects) {
        bytes_up += payload.get_data_length();
        return across[across_by_owner[claim->owner]]->b_transport(payload, delay);
      }
      extension->is_redirected = true;
    }
    bytes_up += payload.get_data_length();
    // The routes that are measured do not pass the root complex.
    if (registers.parent < 0) return payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    up[0]->b_transport(payload, delay);
  }

  void take_from_above(int, tlm::tlm_generic_payload &payload, sc_core::sc_time &delay) {
    bytes_down += payload.get_data_length();
    // The claim on its own bus says whether it is the device's BAR or the bridge's window.
    const Claim *claim = on->find(payload.get_address());
    if (claim->bar != WINDOW) return deliver(payload, *claim);
    const Claim *next = below->find(payload.get_address());
    if (next == nullptr) return payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    down[down_by_owner[next->owner]]->b_transport(payload, delay);
  }

  void deliver(tlm::tlm_generic_payload &payload, const Claim &claim) {
    if (payload.get_address() + payload.get_data_length() > claim.end)
      return payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    bars[claim.bar].write(payload.get_address() - claim.start, payload.get_data_ptr(), payload.get_data_length());
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  }
};

// Carries out the commands.
struct Driver : sc_core::sc_module {
  std::vector<std::unique_ptr<Function>> functions;
  std::vector<Bus> buses;  // by the function above; the root bus behind all
  int requester = 0, written = 0;
  uint64_t target = 0, span = 0;
  unsigned length = 0;
  uint64_t done = 0, offset = 0;
  std::vector<unsigned char> data;

  SC_HAS_PROCESS(Driver);
  Driver(const sc_core::sc_module_name &name, const char *file) : sc_module(name) {
    std::ifstream in(file);
    int count = 0, claims = 0;
    in >> count;
    for (int index = 0; index < count; index++) {
      functions.push_back(std::make_unique<Function>(("function_" + std::to_string(index)).c_str(), index));
      auto &r = functions.back()->registers;
      in >> r.parent >> r.is_port >> r.command >> r.acs >> r.secondary >> r.subordinate >> r.bus;
    }
    buses.resize(count + 1);
    in >> claims;
    for (int index = 0; index < claims; index++) {
      Claim claim{};
      uint64_t size = 0;
      in >> claim.owner >> claim.bar >> claim.start >> size;
      claim.end = claim.start + size;
      const auto &owner = functions.at(claim.owner)->registers;
      if ((owner.command & COMMAND_MEMORY) != 0) buses[bus_of(owner)].claims.push_back(claim);
    }
    in >> requester >> target >> span >> length >> written;
    for (auto &bus : buses)
      std::sort(bus.claims.begin(), bus.claims.end(), [](const Claim &a, const Claim &b) { return a.start < b.start; });
    connect(count);
    data.resize(length);
    for (unsigned index = 0; index < length; index++) data[index] = static_cast<unsigned char>(index * 7 + 1);
    SC_THREAD(serve);
  }

  size_t bus_of(const Registers &registers) const {
    return registers.parent >= 0 ? registers.parent : functions.size();
  }

  void connect(int count) {
    for (auto &one : functions) {
      one->across_by_owner.resize(count);
      one->down_by_owner.resize(count);
    }
    for (int index = 0; index < count; index++) {
      Function &one = *functions[index];
      one.on = &buses[bus_of(one.registers)];
      one.below = &buses[index];
      if (one.registers.parent >= 0) {
        Function &above = *functions[one.registers.parent];
        one.up.bind(above.from_below);
        above.down_by_owner[index] = above.down.size();
        above.down.bind(one.from_above);
      }
      for (int other = 0; other < count; other++) {
        if (other == index || functions[other]->registers.parent != one.registers.parent) continue;
        one.across_by_owner[other] = one.across.size();
        one.across.bind(functions[other]->from_above);
      }
    }
  }

  void run(uint64_t times, bool is_anew) {
    tlm::tlm_generic_payload payload;
    TlpExtension extension;
    payload.set_extension(&extension);
    payload.set_command(tlm::TLM_WRITE_COMMAND);
    payload.set_data_ptr(data.data());
    payload.set_data_length(length);
    payload.set_streaming_width(length);
    payload.set_byte_enable_ptr(nullptr);
    Function &from = *functions[requester];
    Registers &port = functions[written]->registers;
    const unsigned control = port.acs;
    for (uint64_t index = 0; index < times; index++) {
      sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
      extension.requester_bus = from.registers.bus;
      extension.is_redirected = false;
      payload.set_address(target + offset);
      if (is_anew) *const_cast<volatile unsigned *>(&port.acs) = control;
      payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
      payload.set_dmi_allowed(false);
      data[0] = static_cast<unsigned char>(done);
      from.issue(payload, delay);
      if (payload.get_response_status() != tlm::TLM_OK_RESPONSE) {
        std::fprintf(stderr, "TLP %llu failed\n", static_cast<unsigned long long>(done));
        std::exit(1);
      }
      done++;
      offset += length;
      if (offset == span) offset = 0;
    }
    payload.clear_extension(&extension);
  }

  void serve() {
    std::string line;
    while (std::getline(std::cin, line)) {
      std::istringstream words(line);
      std::string verb;
      uint64_t times = 0;
      words >> verb >> times;
      if (verb == "run" || verb == "anew") {
        const auto start = std::chrono::steady_clock::now();
        run(times, verb == "anew");
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
        std::printf("%.3f\n", took.count() / static_cast<double>(times));
      } else {
        uint32_t checksum = 0;
        uint64_t up = 0, down = 0;
        for (const auto &one : functions) {
          for (const auto &bar : one->bars) checksum += bar.checksum();
          up += one->bytes_up;
          down += one->bytes_down;
        }
        std::printf("%u %llu %llu\n", checksum, static_cast<unsigned long long>(up),
                    static_cast<unsigned long long>(down));
      }
      std::fflush(stdout);
    }
    sc_core::sc_stop();
  }
};

}  // namespace

int sc_main(int count, char *arguments[]) {
  if (count != 2) return 2;
  Driver driver("driver", arguments[1]);
  sc_core::sc_start();
  return 0;
}
