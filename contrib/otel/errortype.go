package otel

import (
	"context"
	"errors"
	"strconv"

	"go.opentelemetry.io/otel/attribute"

	"github.com/actito-go/actito"
)

// ended are the attributes of how something ended.
func ended(status int, err error) []attribute.KeyValue {
	var list []attribute.KeyValue
	if status != 0 {
		list = append(list, attribute.Int("http.response.status_code", status))
	}
	if err != nil {
		list = append(list, attribute.String("error.type", errorType(status, err)))
	}
	return list
}

// errorType is the class of an error, or its status. Its text may hold anything.
func errorType(status int, err error) string {
	if api, ok := errors.AsType[*actito.APIError](err); ok {
		status = api.Status
	}
	_, unverified := errors.AsType[*actito.UnverifiedError](err)
	var timeout interface{ Timeout() bool }
	switch {
	case unverified: // whatever the service said to the comparison
		return "unverified"
	case errors.Is(err, actito.ErrOutcomeUnknown):
		return "outcome_unknown"
	case errors.Is(err, actito.ErrBusy):
		return "busy"
	case errors.Is(err, actito.ErrQuotaExceeded):
		return "quota_exceeded"
	case status >= 400:
		return strconv.Itoa(status)
	case errors.Is(err, actito.ErrInvalid):
		return "invalid"
	case errors.Is(err, actito.ErrClockSkew):
		return "clock_skew"
	case errors.Is(err, actito.ErrAlreadyStarted):
		return "already_started"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	return "_OTHER"
}
