package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/examples/internal/shop"
)

func TestAnOrderThatFailsHalfWayIsCompletedByPlacingItAgain(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out))
	first, rest, found := strings.Cut(out.String(), "It is placed again.\n")
	require.True(t, found)
	assert.Contains(t, first, "503 Service Unavailable: please place the order again\n")
	assert.Contains(t, first, "line 2 of 3")
	assert.Contains(t, first, "calls: 4   in the fake: customers 1, orders 1, lines 1\n")
	assert.Equal(t, 2, strings.Count(rest, "200 OK: thank you\n   calls: 5   in the fake: customers 1, orders 1, lines 3\n"))
	assert.NotContains(t, out.String(), "ann@example.com")
}

func TestCustomersComeBeforeOrdersBeforeLines(t *testing.T) {
	t.Parallel()
	fake := shop.NewServer()
	t.Cleanup(fake.Close)
	client, err := actito.New(fake.APIKey, shop.Entity, actito.WithBaseURL(fake.URL))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	handler, err := newHandler(client, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	post := func(body string) int {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/orders", strings.NewReader(body)))
		return answer.Code
	}

	require.Equal(t, http.StatusOK, post(placed))
	var tables []string
	for _, call := range calls(fake) {
		tables = append(tables, call.Params["profileTable"]+call.Params["customTable"])
	}
	assert.Equal(t, []string{shop.Customers, shop.Orders, shop.Lines, shop.Lines, shop.Lines}, tables)
	line, ok := fake.Record(shop.Lines, "7001-2")
	require.True(t, ok)
	assert.Equal(t, map[string]string{"lineID": "7001-2", "orderID": "7001", "product": "cup", "quantity": "6", "unitPrice": "7.25"}, line)

	assert.Equal(t, http.StatusBadRequest, post(`{"orderID":"","customer":{"customerID":"C1"}}`))
	assert.Equal(t, http.StatusBadRequest, post("[]"))
	fake.Fail(actitotest.OpProfileUpsert, actitotest.Status(http.StatusBadRequest))
	assert.Equal(t, http.StatusBadRequest, post(placed))
	fake.Fail(actitotest.OpProfileUpsert, actitotest.Status(http.StatusForbidden))
	assert.Equal(t, http.StatusBadGateway, post(placed))
}
