package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// request is what a visitor does.
type request struct{ what, method, path, body string }

func signUp(n int, name string) request {
	return request{fmt.Sprintf("%s signs up", name), "POST", "/customers",
		fmt.Sprintf(`{"id":"C%d","email":"%s@example.com","firstName":"%s","newsletter":true}`, n, strings.ToLower(name), name)}
}

func order(n, customer int, name string) request {
	return request{fmt.Sprintf("%s orders", name), "POST", "/orders", fmt.Sprintf(`{"id":"%d","customer":"C%d","date":"2026-11-23","freight":4.5,
		"lines":[{"product":"teapot","quantity":1,"unitPrice":34.9},{"product":"cup","quantity":%d,"unitPrice":7.25}]}`, n, customer, n%6+1)}
}

// morning is twelve sign-ups, eight of them with an order, an opt-out and an erasure.
func morning() (all []request) {
	names := []string{"Ann", "Bob", "Cid", "Dan", "Eva", "Fay", "Gus", "Hal", "Ida", "Jan", "Kim", "Lou"}
	for i, name := range names {
		all = append(all, signUp(i+1, name))
	}
	for i, name := range names[:8] {
		all = append(all, order(7001+i, i+1, name))
	}
	return append(all,
		request{"Lou wants no newsletter", "DELETE", "/customers/C12/newsletter", ""},
		request{"Kim wants to be forgotten", "DELETE", "/customers/C11", ""},
	)
}

var noon = []request{
	signUp(13, "Mia"),
	order(7009, 13, "Mia"),
	{"Ann wants no newsletter", "DELETE", "/customers/C1/newsletter", ""},
	{"Bob wants to be forgotten", "DELETE", "/customers/C2", ""},
	order(7010, 2, "Bob"),
	{"Cid gets another address", "POST", "/customers", `{"id":"C3","email":"cid@example.org","firstName":"Cid"}`},
}

var evening = []request{signUp(14, "Ned")}

// visit sends the shop what visitors do, one after the other, and shows the answers: in one line, if the next visitors do
// and are told the same.
func visit(ctx context.Context, out io.Writer, url string, requests []request) error {
	for len(requests) > 0 {
		first := requests[0]
		answer, err := ask(ctx, url, first)
		others := 0
		for requests = requests[1:]; err == nil && len(requests) > 0 && requests[0].method+requests[0].path == first.method+first.path; requests = requests[1:] {
			again, err := ask(ctx, url, requests[0])
			if err != nil || again != answer {
				return errors.Join(err, fmt.Errorf("%s: %s", requests[0].what, again))
			}
			others++
		}
		if err != nil {
			return err
		}
		if others > 0 {
			first.what += fmt.Sprintf(", %d more", others)
		}
		fmt.Fprintf(out, "   %-26s %-6s %-26s %s\n", first.what, first.method, first.path, answer)
	}
	return nil
}

// ask sends a request and returns the answer in a line.
func ask(ctx context.Context, url string, r request) (string, error) {
	request, err := http.NewRequestWithContext(ctx, r.method, url+r.path, strings.NewReader(r.body))
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if len(text) > 0 {
		return answer.Status + ": " + strings.TrimSpace(string(text)), err
	}
	return answer.Status, err
}
