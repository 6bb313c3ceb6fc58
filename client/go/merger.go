package fairlead

// Live events that wait for the history: some seconds of a busy topic.
const heldLimit = 10_000

// Publications that are remembered as handed on: more than a router shows of a topic's history in one answer.
const remembered = 4_096

// A merger hands on each event of one subscription once, in the order of publishing. After a loss, live events come
// while the history of what was missed is still asked for: they are held back until all of it has been handed on, and
// those that it brought already are left out. It does no I/O and takes no lock.
type merger struct {
	last    ID
	holding bool
	held    []Event
	seen    map[ID]struct{}
	order   []ID
}

func newMerger() *merger {
	return &merger{seen: map[ID]struct{}{}}
}

// hold begins a new session. What the last one left waiting is in the history.
func (m *merger) hold() {
	m.holding, m.held = true, nil
}

// live returns what is to be handed on now that an event has come. More of them than may be held back end the holding.
func (m *merger) live(event Event) []Event {
	if !m.holding {
		return m.fresh([]Event{event})
	}
	m.held = append(m.held, event)
	if len(m.held) > heldLimit {
		return m.release()
	}
	return nil
}

// past returns what is to be handed on of a page of the history; too late when live events were let go.
func (m *merger) past(events []Event) []Event {
	if !m.holding {
		return nil
	}
	return m.fresh(events)
}

// release returns what was held back: there is no more history to come.
func (m *merger) release() []Event {
	held := m.held
	m.holding, m.held = false, nil
	return m.fresh(held)
}

func (m *merger) fresh(events []Event) []Event {
	var fresh []Event
	for _, event := range events {
		if _, known := m.seen[event.Publication]; known {
			continue
		}
		m.remember(event.Publication)
		m.last = event.Publication
		fresh = append(fresh, event)
	}
	return fresh
}

func (m *merger) remember(publication ID) {
	m.seen[publication] = struct{}{}
	m.order = append(m.order, publication)
	if len(m.order) > remembered {
		delete(m.seen, m.order[0])
		m.order = m.order[1:]
	}
}
