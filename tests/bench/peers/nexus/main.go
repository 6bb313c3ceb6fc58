// The nexus router as a peer of the benchmark: one realm, anonymous or by WAMP-CRA with the secret given, WebSocket on
// the address given.
// No logging of messages, everything else as nexus' own defaults have it.
package main

import (
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/gammazero/nexus/v3/router"
	"github.com/gammazero/nexus/v3/router/auth"
	"github.com/gammazero/nexus/v3/wamp"
)

// keyStore has one secret, which is everybody's.
type keyStore string

func (store keyStore) AuthKey(authid, authmethod string) ([]byte, error) { return []byte(store), nil }
func (store keyStore) PasswordInfo(authid string) (string, int, int)     { return "", 0, 0 }
func (store keyStore) AuthRole(authid string) (string, error)            { return "user", nil }
func (store keyStore) Provider() string                                  { return "static" }

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: nexus-peer HOST:PORT SECRET")
	}
	config := &router.Config{RealmConfigs: []*router.RealmConfig{{
		URI:           wamp.URI("realm1"),
		AnonymousAuth: true,
		AllowDisclose: true,
		Authenticators: []auth.Authenticator{
			auth.NewCRAuthenticator(keyStore(os.Args[2]), 0),
		},
	}}}
	nexus, err := router.NewRouter(config, log.New(io.Discard, "", 0))
	if err != nil {
		log.Fatal(err)
	}
	closer, err := router.NewWebsocketServer(nexus).ListenAndServe(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	<-stop
	closer.Close()
	nexus.Close()
}
