package main

import (
	"archive/zip"
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

const (
	rejectedExecution = "8"
	rejectedRows      = 2_000_000
)

// serve is the service. It ends when its standard input does.
func serve() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	server := &http.Server{Handler: newService(), ReadHeaderTimeout: time.Minute}
	return server.Serve(listener)
}

// newService answers as little as the library needs.
func newService() http.Handler {
	const (
		tables     = "/profile-table-structure/v5/entities/MyEntity/profile-tables"
		executions = "/mass-imports/v5/entities/MyEntity/etl-executions"
	)
	table := map[string]any{"id": "16", "name": "Customers", "attributes": []any{}}
	refused := false // the attempt before
	mux := http.NewServeMux()
	answer := func(pattern string, value any) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, value) })
	}
	answer("/auth/token", map[string]any{"accessToken": "token", "tokenType": "bearer", "expiresIn": "900s"})
	answer("GET /entities/v5/entities", map[string]any{"entities": []any{map[string]any{"name": "MyEntity"}}})
	answer("GET "+tables, map[string]any{"profileTables": []any{table}})
	answer("GET "+tables+"/16", table)
	answer("GET "+executions+"/7", map[string]any{"id": "7", "status": "SUCCESS", "endMoment": "2026-11-23 06:01:10"})
	answer("GET "+executions+"/"+rejectedExecution, map[string]any{
		"id": rejectedExecution, "status": "WITH_ERROR", "endMoment": "2026-11-23 06:01:10",
		"files": []any{map[string]any{
			"fileName": "customers.csv", "destination": map[string]any{"tableType": "PROFILE_TABLE", "tableId": "16"}, "status": "WITH_ERROR",
			"rowsRead": rejectedRows, "rowsCreated": 0, "rowsUpdated": 0, "rowsInError": rejectedRows,
		}},
	})
	mux.HandleFunc("POST "+executions, func(w http.ResponseWriter, r *http.Request) {
		if n, err := io.Copy(io.Discard, r.Body); err != nil || n != r.ContentLength {
			writeJSON(w, http.StatusBadRequest, map[string]any{"status": 400, "message": fmt.Sprintf("%d of %d bytes came: %v", n, r.ContentLength, err)})
			return
		}
		if refused = !refused; refused {
			writeJSON(w, http.StatusTooManyRequests, map[string]any{"status": 429, "message": "too many requests"})
			return
		}
		writeJSON(w, http.StatusCreated, map[string]any{"id": "7"})
	})
	mux.HandleFunc("GET "+executions+"/"+rejectedExecution+"/error-file", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/zip")
		_ = writeRejects(w) // the client notices
	})
	return mux
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the client notices
}

func writeRejects(w io.Writer) error {
	archive := zip.NewWriter(w)
	entry, err := archive.Create("customers.csv")
	if err != nil {
		return err
	}
	text := bufio.NewWriter(entry)
	fmt.Fprintln(text, rejectedHeader+",errorCode,errorColumn")
	var line []byte
	for i := range rejectedRows {
		line = append(appendRejected(line[:0], i), ",INVALID_VALUE,emailAddress\n"...)
		_, _ = text.Write(line) // Flush has its error
	}
	if err := text.Flush(); err != nil {
		return err
	}
	return archive.Close()
}
