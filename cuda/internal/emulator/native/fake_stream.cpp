// libcuda: streams and events.
#include "fake_stream.h"

#include "memory.h"
#include "report.h"

namespace fake {

static Objects<Stream> streams{"streams", {}};
static Objects<Event> events{"events", {}};
static uint64_t places;

std::shared_ptr<Stream> find_stream(void* handle) { return streams.find(handle); }

void queue(const std::shared_ptr<Stream>& s, std::function<int()> run) {
  s->tasks.push_back({nullptr, 0, std::move(run)});
}

// advance does the first task of a stream; false where the context is lost.
static bool advance(Stream& s) {
  Task task = s.tasks.front();
  while (task.event && task.event->reached < task.place) {
    auto other = task.event->stream.lock();
    if (!other || other->tasks.empty()) break; // its stream is gone, and its work with it
    if (!advance(*other)) return false;
  }
  s.tasks.pop_front();
  if (task.run) task.run();
  return dead() == success;
}

int drain(const std::shared_ptr<Stream>& s) {
  while (dead() == success && !s->tasks.empty()) advance(*s);
  if (dead() == success && !emu::check_quarantine()) die(illegal_address);
  return dead();
}

int drain_all() {
  for (auto& s : streams.all) drain(s.second);
  return dead();
}

std::string stream_leaks() { return streams.left() + events.left(); }

void reset_streams() {
  streams.all.clear();
  events.all.clear();
}

} // namespace fake

using namespace fake;

EXPORTED int cuStreamCreate(void** stream, unsigned) {
  Call call("cuStreamCreate");
  if (call) *stream = streams.add(std::make_shared<Stream>());
  return call.code;
}

EXPORTED int cuStreamDestroy_v2(void* stream) {
  Call call("cuStreamDestroy_v2");
  if (!call) return call.code;
  auto s = streams.find(stream);
  if (!s) return invalid_handle;
  drain(s);
  streams.remove(stream);
  return success;
}

EXPORTED int cuStreamSynchronize(void* stream) {
  Call call("cuStreamSynchronize");
  if (!call) return call.code;
  auto s = streams.find(stream);
  return s ? drain(s) : invalid_handle;
}

EXPORTED int cuStreamWaitEvent(void* stream, void* event, unsigned) {
  Call call("cuStreamWaitEvent");
  if (!call) return call.code;
  auto s = streams.find(stream);
  auto e = events.find(event);
  if (!s || !e) return invalid_handle;
  s->tasks.push_back({e, e->recorded, nullptr});
  return success;
}

EXPORTED int cuEventCreate(void** event, unsigned) {
  Call call("cuEventCreate");
  if (call) *event = events.add(std::make_shared<Event>());
  return call.code;
}

EXPORTED int cuEventDestroy_v2(void* event) {
  Call call("cuEventDestroy_v2");
  if (!call) return call.code;
  return events.remove(event) ? success : invalid_handle;
}

EXPORTED int cuEventRecord(void* event, void* stream) {
  Call call("cuEventRecord");
  if (!call) return call.code;
  auto s = streams.find(stream);
  auto e = events.find(event);
  if (!s || !e) return invalid_handle;
  uint64_t place = e->recorded = ++places;
  e->stream = s;
  queue(s, [e, place] {
    e->reached = place;
    return success;
  });
  return success;
}

// It does one task of the event's stream, so that who asks again and again gets there.
EXPORTED int cuEventQuery(void* event) {
  Call call("cuEventQuery");
  if (!call) return call.code;
  auto e = events.find(event);
  if (!e) return invalid_handle;
  if (e->reached == e->recorded) return success;
  auto s = e->stream.lock();
  if (s && !s->tasks.empty()) advance(*s);
  return dead() == success ? not_ready : dead();
}

EXPORTED int cuEventSynchronize(void* event) {
  Call call("cuEventSynchronize");
  if (!call) return call.code;
  auto e = events.find(event);
  if (!e) return invalid_handle;
  while (e->reached < e->recorded) {
    auto s = e->stream.lock();
    if (!s || s->tasks.empty() || !advance(*s)) break;
  }
  return dead();
}
