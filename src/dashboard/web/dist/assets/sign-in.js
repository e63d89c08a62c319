import{G as e,K as t,M as n,V as r,W as i,j as a,k as o,q as s}from"./shared.js";var c=512,l=class extends i{static{this.properties={route:{attribute:!1},error:{state:!0},busy:{state:!0}}}constructor(){super(),this.error=null,this.busy=!1}firstUpdated(){this.#e?.focus()}render(){let e=this.route.url.searchParams.get(`why`)===`ended`;return s`<div class="sign-in">
      <h1>Sign in</h1>
      ${e?s`<p class="notice-line">You are signed out: nobody was at the page for a while, or you signed out in another window.</p>`:t}
      <form @submit=${this.#t}>
        <label for="token">Token</label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          autocapitalize="none"
          spellcheck="false"
          required
          maxlength=${c}
          aria-describedby="token-help token-error"
          aria-invalid=${this.error?`true`:`false`}
        />
        <p id="token-error" class="error" role="alert">${this.error??``}</p>
        <button type="submit" class="primary" ?disabled=${this.busy}>${this.busy?`Signing in…`:`Sign in`}</button>
      </form>
      <div id="token-help" class="help">
        <p>
          You get your token from whoever runs Clockfold here. It is typed once; then a cookie that no script can read stands
          for it in this browser, until you sign out.
        </p>
        <details>
          <summary>Where a token comes from</summary>
          <p>
            It is the <code>token</code> of a <code>[[reader]]</code> in the server's configuration, <code>clockfold.toml</code>.
            <code>clockfold key new</code> makes a new one; the server reads it when it starts.
          </p>
        </details>
      </div>
    </div>`}get#e(){return this.querySelector(`input`)}#t=async t=>{t.preventDefault();let i=this.#e,s=i?.value.trim();if(i&&s&&!this.busy){this.busy=!0,this.error=null;try{await o(s),i.value=``,e.value=`in`,a(n(this.route.url.searchParams.get(`next`)),`replace`)}catch(e){this.error=r(e),i.select(),i.focus()}finally{this.busy=!1}}}};customElements.define(`clockfold-sign-in`,l);export{l as SignInPage};