#pragma once
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "loadgen/histogram.hpp"
#include "loadgen/loop.hpp"
#include "loadgen/protocol.hpp"

namespace mlib::loadgen {

/// What users of conversations were answered: a decoder's thread puts it in, the loop's takes it out, and
/// neither waits for the other.
class Answers {
 public:
  explicit Answers(std::uint32_t users);
  ~Answers();
  Answers(const Answers&) = delete;
  Answers& operator=(const Answers&) = delete;

  /// That user's answer is on its way to the decoder.
  void expect(std::uint32_t user);
  /// Nothing: it failed, or is too long (256 KiB) to be said again.
  void put(std::uint32_t user, std::optional<std::string> answer);
  /// True when no answer of that user is on its way; else `descriptor` tells of it.
  bool there(std::uint32_t user);
  std::optional<std::string> take(std::uint32_t user);
  /// An eventfd.
  int descriptor() const { return descriptor_; }

 private:
  struct Place {
    bool expected = false;
    bool asked_for = false;  ///< before it was there
    std::optional<std::string> answer;
  };
  std::mutex mutex_;
  std::vector<Place> places_;
  int descriptor_ = -1;
};

/// Takes exchanges from the loop and decodes them on its own thread.
class Decoder {
 public:
  /// `answers`, when given, gets the text of every answer.
  explicit Decoder(Protocol protocol, Answers* answers = nullptr, RecordSink record = {});
  ~Decoder() { stop(); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// Waits for room when much lies there still, but at most so long: a loop that waits here is late, which
  /// its verdict says. What finds no room then is given up as `client_full`. Of a failed answer only as much
  /// is read as tells why it failed and when it began.
  void add(Exchange&& exchange, Instant patience);
  /// Decodes what is left, at the priority of who calls: the run is over, and nobody is in the way.
  void stop();
  /// Means of the answers decoded since it was last asked; what it knew before when there was none. Adds to
  /// the loop's errors what only decoding found to be one.
  void tell(Live& live);

  // Once stopped:
  std::vector<Sample> samples;
  Histogram gaps;
  double cpu_seconds = 0;
  std::uint64_t given_up = 0;

 private:
  struct Recent {
    double sum = 0;
    int count = 0;
    std::optional<double> mean;
    void add(const std::optional<double>& value);
    void settle();
  };

  void work();
  bool decode_next(bool waits);

  Protocol protocol_;
  Answers* answers_;
  RecordSink record_;
  std::mutex mutex_;
  std::condition_variable changed_, room_;
  std::size_t held_ = 0;  ///< bytes of bodies
  std::deque<Exchange> waiting_;
  std::vector<Instant> between_;
  Recent ttft_, tpot_;
  std::uint64_t refused_ = 0;  ///< that the loop took for answers
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace mlib::loadgen
