package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// visit sends the service what visitors send, and shows the answers.
func visit(ctx context.Context, stdout io.Writer, url string) error {
	for _, v := range []struct{ what, method, path, body string }{
		{"Ann signs up", "POST", "/customers", `{"id":"C1","email":"ann@example.com","firstName":"Ann","newsletter":true}`},
		{"Ann changes her name", "POST", "/customers", `{"id":"C1","email":"ann@example.com","firstName":"Anna"}`},
		{"Bob mistypes his address", "POST", "/customers", `{"id":"C2","email":"bob@example","firstName":"Bob"}`},
		{"Ann unsubscribes", "DELETE", "/customers/C1/newsletter", ""},
		{"Ann deletes her account", "DELETE", "/customers/C1", ""},
		{"Cid signs up", "POST", "/customers", `{"id":"C3","email":"cid@example.com","firstName":"Cid"}`},
		{"Dan signs up, too soon", "POST", "/customers", `{"id":"C4","email":"dan@example.com","firstName":"Dan"}`},
	} {
		answer, err := ask(ctx, v.method, url+v.path, v.body)
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%-26s %-6s %-24s %s\n", v.what, v.method, v.path, answer)
	}
	return nil
}

// ask sends a request and returns the answer in a line.
func ask(ctx context.Context, method, url, body string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	line := answer.Status
	if len(text) > 0 {
		line += ": " + strings.TrimSpace(string(text))
	}
	if after := answer.Header.Get("Retry-After"); after != "" {
		line += " in " + after + " s"
	}
	return line, nil
}
