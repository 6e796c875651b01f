#include "server/demo_page.h"

#include <nlohmann/json.hpp>

namespace sluice::server {
namespace {

constexpr std::string_view kTop = R"html(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sluice</title>
<link rel="icon" href="data:,">
<style>
  :root { color-scheme: light dark; --line: #8884; --quiet: #888; }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin: 0; }
  section { border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; margin: 1rem 0; }
  header { display: flex; justify-content: space-between; align-items: baseline; }
  .state { color: var(--quiet); } .open { color: #2a7; } .lost { color: #c60; }
  ol { list-style: none; padding: 0; margin: .5rem 0; max-height: 16rem; overflow: auto; }
  li { border-top: 1px solid var(--line); padding: .2rem 0; white-space: pre-wrap; overflow-wrap: anywhere; }
  li small { color: var(--quiet); margin-right: .6rem; }
  form { display: flex; gap: .5rem; } input { flex: 1; min-width: 0; font: inherit; padding: .3rem; }
  button { font: inherit; padding: .3rem .8rem; } code { overflow-wrap: anywhere; }
</style>
<h1>Sluice is running</h1>
<p>Each box is one topic, fed by an EventSource of this page. Open it twice, or publish from a shell.</p>
<main></main>
<script>
const topics = )html";

constexpr std::string_view kBottom = R"html(;
const element = (name, text, className) => {
  const node = document.createElement(name);
  if (text) node.textContent = text;
  if (className) node.className = className;
  return node;
};
for (const topic of topics) {
  const box = element('section');
  const header = element('header');
  const state = element('span', 'connecting', 'state');
  header.append(element('h2', topic.name), state);
  const list = element('ol');
  box.append(header, element('code', `curl -N ${location.origin}${topic.path}`), list);
  if (topic.publish) {
    const form = element('form');
    const input = element('input');
    input.placeholder = `say something on ${topic.name}`;
    input.setAttribute('aria-label', `message for ${topic.name}`);
    form.append(input, element('button', 'Publish'));
    form.onsubmit = async (submitted) => {
      submitted.preventDefault();
      const answer = await fetch(topic.publish, {method: 'POST', body: input.value}).catch(() => null);
      if (answer && answer.ok) input.value = '';
    };
    box.append(form);
  }
  document.querySelector('main').append(box);
  const source = new EventSource(topic.path);
  const show = (event) => {
    const line = element('li');
    line.append(element('small', event.lastEventId), event.data);
    list.prepend(line);
    while (list.children.length > 50) list.lastChild.remove();
  };
  source.onopen = () => { state.textContent = 'open'; state.className = 'state open'; };
  source.onerror = () => {
    state.textContent = source.readyState === EventSource.CLOSED ? 'closed' : 'reconnecting';
    state.className = 'state lost';
  };
  source.onmessage = show;
  source.addEventListener('sluice.gap', show);
}
</script>
</html>
)html";

// Where to publish on this topic, or empty: its own path, or "/publish/{topic}" with its channel.
std::string PublishPath(const config::Config& config, const config::Topic& topic) {
  constexpr std::string_view kParameter = "{topic}";
  if (topic.source == config::Source::kMetrics) return {};
  for (const config::Publish& publish : config.publish) {
    if (publish.topic == topic.name) return publish.path;
    const size_t at = publish.path.find(kParameter);
    if (!publish.topic.empty() || at == std::string::npos) continue;
    std::string path = publish.path;
    return path.replace(at, kParameter.size(), topic.channel);
  }
  return {};
}

}  // namespace

std::string DemoPage(const config::Config& config) {
  nlohmann::json topics = nlohmann::json::array();
  for (const config::Topic& topic : config.topics) {
    if (topic.path.find('{') != std::string::npos) continue;
    topics.push_back(
        {{"name", topic.name}, {"path", topic.path}, {"publish", PublishPath(config, topic)}});
  }
  std::string json = topics.dump();
  // "</script>" in a name must not end the script.
  for (size_t at = json.find('<'); at != std::string::npos; at = json.find('<', at)) {
    json.replace(at, 1, "\\u003c");
  }
  return std::string(kTop) + json + std::string(kBottom);
}

}  // namespace sluice::server
