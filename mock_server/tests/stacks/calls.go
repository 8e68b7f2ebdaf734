// The calls of test_stacks.py with Go's net/http.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	base, token, order, picture := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	credits := base + "/v1/jobs/credits"

	send := func(method, url string, body io.Reader, expect bool) (int, string) {
		request, err := http.NewRequest(method, url, body)
		check(err)
		if method == "POST" {
			request.Header.Set("Authorization", "Bearer "+token)
			request.Header.Set("Content-Type", "application/json")
		}
		if expect {
			request.Header.Set("Expect", "100-continue")
		}
		answer, err := http.DefaultClient.Do(request)
		check(err)
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		check(err)
		return answer.StatusCode, string(text)
	}
	post := func(name string, body io.Reader, expect bool) {
		status, text := send("POST", credits, body, expect)
		fmt.Println(name, status, text)
	}

	post("body", bytes.NewBufferString(order), false)
	post("keep-alive", bytes.NewBufferString(order), false)
	post("expect", bytes.NewBufferString(order), true)
	// The length of any other reader is unknown, so its body is sent in chunks.
	post("chunked", io.MultiReader(bytes.NewBufferString(order)), false)

	_, text := send("POST", base+"/v1/resource/image", bytes.NewBufferString("{}"), false)
	var reserved struct{ PutUrl string }
	check(json.Unmarshal([]byte(text), &reserved))
	pixels, err := os.ReadFile(picture)
	check(err)
	status, _ := send("PUT", reserved.PutUrl, bytes.NewReader(pixels), false)
	fmt.Println("upload", status)
	status, _ = send("PUT", reserved.PutUrl, io.MultiReader(bytes.NewReader(pixels)), false)
	fmt.Println("chunked-upload", status)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
