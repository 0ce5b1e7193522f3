package engine

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// HasImage reports whether the engine has an image.
func (c *Client) HasImage(ctx context.Context, image string) (bool, error) {
	_, err := c.raw(ctx, http.MethodGet, "/images/"+escape(image)+"/json", nil, nil)
	if Missing(err) {
		return false, nil
	}
	return err == nil, err
}

// escape escapes the name of an image, in which slashes are allowed.
func escape(image string) string { return strings.ReplaceAll(url.PathEscape(image), "%2F", "/") }

// Pull fetches an image from its registry. Without a tag or digest it fetches the tag latest.
func (c *Client) Pull(ctx context.Context, image string, auth *Auth) error {
	name, tag := Split(image)
	return c.fetch(ctx, url.Values{"fromImage": {name}, "tag": {tag}}, auth, nil)
}

// Import makes an image of one layer of the files in a tar archive.
func (c *Client) Import(ctx context.Context, image string, archive io.Reader, changes ...string) error {
	name, tag := Split(image)
	return c.fetch(ctx, url.Values{"fromSrc": {"-"}, "repo": {name}, "tag": {tag}, "changes": changes}, nil, archive)
}

// Split splits the name of an image into its repository, and its tag or digest, which is latest by default.
func Split(image string) (name, tag string) {
	if name, digest, found := strings.Cut(image, "@"); found {
		return name, digest
	}
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		return image[:i], image[i+1:]
	}
	return image, "latest"
}

// fetch creates an image, and waits until it is complete. The engine reports progress, and errors in between.
func (c *Client) fetch(ctx context.Context, query url.Values, auth *Auth, body io.Reader) error {
	header := http.Header{}
	if auth != nil {
		content, err := json.Marshal(auth)
		if err != nil {
			return err
		}
		header.Set("X-Registry-Auth", base64.URLEncoding.EncodeToString(content))
	}
	answer, err := c.open(ctx, http.MethodPost, "/images/create", query, header, body)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	reports := json.NewDecoder(answer.Body)
	for {
		var report struct{ Error string }
		switch err := reports.Decode(&report); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return c.broken(ctx, err)
		case report.Error != "":
			return errors.New(report.Error)
		}
	}
}
