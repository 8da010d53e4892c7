package globalaccelerator_test

import (
	"context"
	"fmt"

	"github.com/sitefence/sitefence/local/globalaccelerator"
)

// A write is applied, its answer is lost, and the history shows that the listener
// was served throughout.
func ExampleFake() {
	fake := globalaccelerator.New(globalaccelerator.Options{PageSize: 1})
	if err := fake.Start(); err != nil { // then AWS_ENDPOINT_URL_GLOBAL_ACCELERATOR = fake.URL()
		fmt.Println(err)
		return
	}
	defer func() { _ = fake.Close() }()

	a, err := fake.Build("keycloak",
		globalaccelerator.NewListener(443,
			globalaccelerator.NewGroup("eu-west-1",
				globalaccelerator.NewEndpoint(nlbA).WithWeight(200).PreservingClientIP(),
				globalaccelerator.NewEndpoint(nlbB).WithHealth(globalaccelerator.Unhealthy))))
	if err != nil {
		fmt.Println(err)
		return
	}
	group := a.Listeners[0].Groups[0].ARN
	fake.Inject(globalaccelerator.Fault{
		Operation: globalaccelerator.UpdateEndpointGroup, Times: 1,
		Effect: globalaccelerator.DropApplied(),
	})
	err = update(context.Background(), client(fake), group, config(nlbA))
	fmt.Println("the client knows it worked:", err == nil)
	for _, e := range fake.History() {
		g, _ := e.State.Group(group)
		fmt.Println(e.Operation, len(g.Endpoints), "dark:", len(e.State.Dark()) > 0)
	}
	// Output:
	// the client knows it worked: false
	// (built) 2 dark: false
	// UpdateEndpointGroup 1 dark: false
}
