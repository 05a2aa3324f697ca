package smart

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// Keys are the client's: the first signs, the others are published too, so that a server that still knows an older one finds it (rotation).
type Keys struct{ keys []jose.JSONWebKey }

// minRSA is the shortest RSA key that RS384 may be used with, in bits (RFC 7518, section 3.3).
const minRSA = 2048

// ReadKeys reads private keys from files in PEM (PKCS #8, PKCS #1 or SEC 1) or as a JWK: RSA keys sign with RS384, keys on the curve P-384 with
// ES384. The first signs.
func ReadKeys(paths ...string) (*Keys, error) {
	if len(paths) == 0 {
		return nil, errors.New("smart: no key")
	}
	keys := &Keys{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("smart: %w", err)
		}
		key, err := parseKey(data)
		if err != nil { // without anything of the file
			return nil, fmt.Errorf("smart: %s: %w", path, err)
		}
		keys.keys = append(keys.keys, *key)
	}
	return keys, nil
}

func parseKey(data []byte) (*jose.JSONWebKey, error) {
	key := &jose.JSONWebKey{}
	if block, _ := pem.Decode(data); block != nil {
		private, err := parsePEM(block)
		if err != nil {
			return nil, err
		}
		key.Key = private
	} else if json.Unmarshal(data, key) != nil {
		return nil, errors.New("neither a private key in PEM nor a JWK")
	}
	switch private := key.Key.(type) {
	case *rsa.PrivateKey:
		if private.N.BitLen() < minRSA {
			return nil, fmt.Errorf("an RSA key of %d bits is too short, %d are needed", private.N.BitLen(), minRSA)
		}
		key.Algorithm = string(jose.RS384)
	case *ecdsa.PrivateKey:
		if private.Curve.Params().BitSize != 384 {
			return nil, errors.New("a key for ES384 has to be on the curve P-384")
		}
		key.Algorithm = string(jose.ES384)
	default:
		return nil, errors.New("expected a private RSA key, or one on the curve P-384")
	}
	key.Use = "sig"
	if key.KeyID == "" {
		thumbprint, err := key.Thumbprint(crypto.SHA256)
		if err != nil {
			return nil, errors.New("the key has no thumbprint")
		}
		key.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	}
	return key, nil
}

func parsePEM(block *pem.Block) (any, error) {
	switch block.Type {
	case "PRIVATE KEY":
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			return key, nil
		}
	case "RSA PRIVATE KEY":
		if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
			return key, nil
		}
	case "EC PRIVATE KEY":
		if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
			return key, nil
		}
	}
	return nil, errors.New("no private key that can be read")
}

// current is the key that signs.
func (k *Keys) current() jose.JSONWebKey { return k.keys[0] }

// allowed says why a server that takes some algorithms cannot be told who the client is; one that names none takes what the guide wants.
func (k *Keys) allowed(algorithms []string) error {
	if len(algorithms) == 0 || slices.Contains(algorithms, k.current().Algorithm) {
		return nil
	}
	return fmt.Errorf("smart: the server takes signatures of %v, and the key makes %s", algorithms, k.current().Algorithm)
}

// Public is the JWK set that the server checks signatures with, in JSON: what is served at /.well-known/jwks.json.
func (k *Keys) Public() ([]byte, error) {
	var set jose.JSONWebKeySet
	for _, key := range k.keys {
		set.Keys = append(set.Keys, key.Public())
	}
	return json.Marshal(set)
}
