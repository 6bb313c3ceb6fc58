package fairlead

import (
	"slices"
	"testing"
)

func event(publication ID) Event { return Event{Publication: publication} }

func publications(events []Event) []ID {
	ids := []ID{}
	for _, each := range events {
		ids = append(ids, each.Publication)
	}
	return ids
}

func expect(t *testing.T, events []Event, wanted ...ID) {
	t.Helper()
	if got := publications(events); !slices.Equal(got, wanted) {
		t.Fatalf("got %v, want %v", got, wanted)
	}
}

func TestLiveEventsWaitForTheHistoryAndComeBehindIt(t *testing.T) {
	m := newMerger()
	expect(t, m.live(event(1)), 1)
	m.hold()
	expect(t, m.live(event(3)))
	expect(t, m.live(event(4)))
	expect(t, m.past([]Event{event(2), event(3)}), 2, 3)
	expect(t, m.release(), 4)
	expect(t, m.live(event(4)))
	expect(t, m.live(event(5)), 5)
}

func TestWhoIsHeldForTooLongIsLetGoAndNoHistoryComesBehind(t *testing.T) {
	m := newMerger()
	m.hold()
	for number := range ID(heldLimit) {
		expect(t, m.live(event(number)))
	}
	if got := len(m.live(event(heldLimit))); got != heldLimit+1 {
		t.Fatalf("%d were let go", got)
	}
	expect(t, m.past([]Event{event(heldLimit + 5)}))
	expect(t, m.release())
}

func TestRememberedPublicationsAreBounded(t *testing.T) {
	m := newMerger()
	for number := range ID(3 * remembered) {
		m.live(event(number))
	}
	if len(m.seen) != remembered || len(m.order) != remembered {
		t.Fatalf("%d and %d are remembered", len(m.seen), len(m.order))
	}
}
