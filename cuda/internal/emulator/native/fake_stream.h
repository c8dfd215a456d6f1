// Streams: queues of work that is done when somebody waits for it.
#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "fake_objects.h"

namespace fake {

struct Stream;

// Event knows the last place that it was recorded at. Places have numbers, in the order of
// recording.
struct Event {
  uint64_t recorded = 0, reached = 0;
  std::weak_ptr<Stream> stream; // where
};

// Task is one piece of work. It waits for its event to be reached, and then runs.
struct Task {
  std::shared_ptr<Event> event;
  uint64_t place = 0;
  std::function<int()> run;
};

struct Stream {
  std::deque<Task> tasks;
};

// find_stream returns nullptr where there is no such stream. The legacy stream 0 is none: cola
// makes its own.
std::shared_ptr<Stream> find_stream(void* handle);

// queue puts work at the end of a stream.
void queue(const std::shared_ptr<Stream>&, std::function<int()> run);

// drain does all the work in a stream, and what it waits for in others; drain_all that of all.
int drain(const std::shared_ptr<Stream>&);
int drain_all();

} // namespace fake
