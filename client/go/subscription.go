package fairlead

import (
	"context"
	"fmt"
	"sync"

	"github.com/gammazero/nexus/v3/client"
	"github.com/gammazero/nexus/v3/wamp"
)

const getEvents = "wamp.subscription.get_events"

// An Event is one of a subscription. Topic is that of the publication, also where a pattern was subscribed.
type Event struct {
	Topic       string
	Arguments   wamp.List
	ArgumentsKw wamp.Dict
	Publication ID
	// IsPast: it comes from the topic's history.
	IsPast bool
}

// SubscribeOptions may be left empty.
type SubscribeOptions struct {
	// Match is "exact", "prefix" or "wildcard".
	Match string
	// OnResumed is called after each loss, with what Subscription.Resumed says from then on.
	OnResumed func(isWhole bool)
}

// A Subscription outlives its sessions.
type Subscription struct {
	peer    *Peer
	topic   string
	handler func(Event)
	options SubscribeOptions

	making sync.Mutex // one session's after the other's
	isMade bool

	mutex   sync.Mutex // also while the handler runs: events come in order
	merger  *merger
	resumed bool
}

// Subscribe has each event of a topic handed to a function, in the order of publishing, across sessions. The function
// must not block, nor make requests itself: nexus' client reads nothing meanwhile.
func (p *Peer) Subscribe(
	ctx context.Context, topic string, handler func(Event), options SubscribeOptions,
) (*Subscription, error) {
	s := &Subscription{peer: p, topic: topic, handler: handler, options: options, merger: newMerger(), resumed: true}
	return s, p.keep(ctx, topic, s)
}

// Unsubscribe ends it.
func (s *Subscription) Unsubscribe() error {
	return s.peer.forget(s.topic, (*client.Client).Unsubscribe)
}

// Resumed says whether all that was published while the last session was lost has been handed on; true before any
// loss. False: there may be a gap, because the topic keeps no history, or not that much of it, or not any more.
func (s *Subscription) Resumed() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.resumed
}

// make subscribes in a session; then comes what was missed, then what has come meanwhile. What nexus' client drops
// right behind SUBSCRIBED is in the history, too.
func (s *Subscription) make(session *client.Client) error {
	s.making.Lock()
	defer s.making.Unlock()
	s.mutex.Lock()
	s.merger.hold()
	s.mutex.Unlock()
	options := wamp.Dict{}
	if s.options.Match != "" {
		options[wamp.OptMatch] = s.options.Match
	}
	if err := session.Subscribe(s.topic, s.onEvent, options); err != nil {
		return err
	}
	id, _ := session.SubscriptionID(s.topic)
	if s.isMade {
		s.catchUp(session, id)
	} else {
		s.anchor(session, id)
	}
	if !session.Connected() {
		return client.ErrNotConn // what waits belongs behind the history that the next session asks for
	}
	s.isMade = true
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.handOn(s.merger.release())
	return nil
}

func (s *Subscription) onEvent(event *wamp.Event) {
	topic, _ := wamp.AsString(event.Details["topic"])
	if topic == "" {
		topic = s.topic
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.handOn(s.merger.live(Event{topic, event.Arguments, event.ArgumentsKw, event.Publication, false}))
}

// anchor finds where the history ends now: a loss may come before the first event does.
func (s *Subscription) anchor(session *client.Client, id ID) {
	events, _, err := s.history(session, id, wamp.Dict{"reverse": true, "limit": 1})
	if err == nil && len(events) > 0 {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.merger.last = events[0].Publication
	}
}

// catchUp hands on what is kept since the last event that we had; there may be a gap where that is not kept any more.
func (s *Subscription) catchUp(session *client.Client, id ID) {
	s.mutex.Lock()
	last := s.merger.last
	s.mutex.Unlock()
	if last != 0 && s.keeps(session, id, last) {
		s.say(s.handOnPast(session, id, last))
		return
	}
	s.say(false)
	s.handOnPast(session, id, 0)
}

func (s *Subscription) keeps(session *client.Client, id, publication ID) bool {
	events, _, err := s.history(session, id, wamp.Dict{"from_publication": publication, "limit": 1})
	return err == nil && len(events) == 1 && events[0].Publication == publication
}

// handOnPast returns whether all of it could be had, in time for the live events that wait.
func (s *Subscription) handOnPast(session *client.Client, id, after ID) bool {
	for hasMore := true; hasMore; {
		wanted := wamp.Dict{}
		if after != 0 {
			wanted["after_publication"] = after
		}
		events, limited, err := s.history(session, id, wanted)
		if err != nil {
			return false
		}
		if hasMore = limited && len(events) > 0; len(events) > 0 {
			after = events[len(events)-1].Publication
		}
		s.mutex.Lock()
		s.handOn(s.merger.past(events))
		isInTime := s.merger.holding
		s.mutex.Unlock()
		if !isInTime {
			return false
		}
	}
	return true
}

// history is a page of it, and whether there is more.
func (s *Subscription) history(session *client.Client, id ID, wanted wamp.Dict) ([]Event, bool, error) {
	result, err := session.Call(s.peer.ctx, getEvents, nil, wamp.List{id}, wanted, nil)
	if err != nil {
		return nil, false, err
	}
	shown := result.Arguments
	if len(shown) == 1 { // some routers send the events as arguments, others as one list
		if inner, isList := wamp.AsList(shown[0]); isList {
			shown = inner
		}
	}
	events := make([]Event, 0, len(shown))
	for _, each := range shown {
		event, err := s.pastEvent(each)
		if err != nil {
			return nil, false, err
		}
		events = append(events, event)
	}
	hasMore, _ := wamp.AsBool(result.ArgumentsKw["is_limit_reached"])
	return events, hasMore, nil
}

func (s *Subscription) pastEvent(shown any) (Event, error) {
	fields, _ := wamp.AsDict(shown)
	publication, isID := wamp.AsID(fields["publication"])
	if !isID {
		return Event{}, fmt.Errorf("%s: %v is no event", getEvents, shown)
	}
	details, _ := wamp.AsDict(fields["details"])
	topic, _ := wamp.AsString(details["topic"])
	if topic == "" {
		topic = s.topic
	}
	args, _ := wamp.AsList(fields["args"])
	kwargs, _ := wamp.AsDict(fields["kwargs"])
	return Event{topic, args, kwargs, publication, true}, nil
}

func (s *Subscription) say(isWhole bool) {
	s.mutex.Lock()
	s.resumed = isWhole
	s.mutex.Unlock()
	if s.options.OnResumed != nil {
		s.options.OnResumed(isWhole)
	}
}

// handOn is called with the mutex held.
func (s *Subscription) handOn(events []Event) {
	for _, event := range events {
		s.handler(event)
	}
}
