import{B as e,G as t,H as n,I as r,J as i,K as a,L as o,M as s,O as c,P as l,X as u,Z as d,j as f,k as p,q as m,z as h}from"./shared.js";var g=`clockfold-theme`,_=new d(y()??b()??`auto`);_.follow(()=>{v();try{localStorage.setItem(g,_.value)}catch{}}),v();function v(){_.value===`auto`?delete document.documentElement.dataset.theme:document.documentElement.dataset.theme=_.value}function y(){return x(new URLSearchParams(location.search).get(`theme`))}function b(){try{return x(localStorage.getItem(g))}catch{return null}}function x(e){return e===`auto`||e===`light`||e===`dark`?e:null}var S=class extends t{#e;constructor(){super(),new u(this,o)}disconnectedCallback(){super.disconnectedCallback(),clearInterval(this.#e)}render(){let e=o.value;clearInterval(this.#e),e.is===`waiting`&&(this.#e=setInterval(()=>this.requestUpdate(),1e3));let t=document.documentElement.classList.contains(`tv`);return i`<span class="connection" data-is=${e.is}
      ><span class="dot" aria-hidden="true"></span>
      <span aria-hidden="true">${C(e)}</span>
      <span class="unseen" role="status">${w(e)}</span>
      ${e.is===`waiting`&&!t?i`<button type="button" @click=${h}>Try now</button>`:m}</span
    >`}};function C(e){if(e.is!==`waiting`)return w(e);let t=Math.max(0,Math.ceil((e.retryAt-performance.now())/1e3));return t>0?`Reconnecting in ${t} s`:`Reconnecting…`}function w(e){switch(e.is){case`idle`:return``;case`connecting`:return`Connecting…`;case`live`:return`Live`;case`waiting`:return`Connection lost, reconnecting`;case`signed-out`:return`Signed out`}}customElements.define(`clockfold-connection`,S);var T={auto:`Auto`,light:`Light`,dark:`Dark`},E=class extends t{#e=new Map;#t=null;#n=!1;#r=null;constructor(){super(),new u(this,l,p,_),a.follow(()=>this.#c()),c()}render(){let{page:e,url:t}=l.value,n=e!==null&&!e.open&&t.searchParams.get(`tv`)===`1`;return document.documentElement.classList.toggle(`tv`,n),document.title=e?`${e.title} · Clockfold`:`Clockfold`,n?i`<main id="main" class="wall">${this.#o(e)}</main>`:i`<a class="skip" href="#main">Skip to the content</a>
      <header class="top">
        <span class="brand">Clockfold</span>
        ${this.#i()}
        <clockfold-connection></clockfold-connection>
        ${this.#a()}
      </header>
      <main id="main" tabindex="-1">${this.#o(e)}</main>`}#i(){let e=l.value.page;return e?.open?m:i`<nav aria-label="Pages">
      <ul>
        ${r.map(t=>t.link?i`<li>
                <a href=${t.link.href} aria-current=${t===e?`page`:m}>${t.link.words}</a>
              </li>`:m)}
      </ul>
    </nav>`}#a(){let t=p.value instanceof e?null:p.value?.reader;return i`<div class="choices">
      <label class="choice"
        ><span class="unseen">Light or dark</span>
        <select @change=${e=>_.value=e.target.value}>
          ${Object.entries(T).map(([e,t])=>i`<option value=${e} ?selected=${_.value===e}>${t}</option>`)}
        </select></label
      >
      ${t?.signedIn?i`<span class="who">${t.name}</span> <button type="button" @click=${this.#u}>Sign out</button>`:m}
      <span class="error" role="alert">${this.#r??``}</span>
    </div>`}#o(t){if(!t)return D(`There is no page at this address`,i`The <a href="/">board</a> is at <code>/</code>.`);if(!t.open&&a.value===`out`)return m;if(!t.open&&p.value instanceof e&&p.value.kind===`refused`)return D(`The server does not answer this browser`,i`${n(p.value)}`);let r=this.#e.get(t);return r===`there`?t.draw(l.value):r instanceof Error?D(`This page could not be loaded`,i`Is the server running, and is this computer connected to it? Then load the page again. (${n(r)})`):(r===void 0&&this.#s(t),m)}async#s(e){this.#e.set(e,`loading`);try{await e.load(),this.#e.set(e,`there`)}catch(t){this.#e.set(e,t instanceof Error?t:Error(String(t)))}this.requestUpdate()}updated(){let{page:e}=l.value;this.#t!==e&&(this.#t!==null&&this.querySelector(`main`)?.focus(),this.#t=e)}#c(){let{page:e,url:t}=l.value;if(a.value===`in`&&(this.#n=!0),a.value===`out`&&!e?.open){let e=new URL(`/sign-in`,location.origin),n=t.pathname+t.search;n!==`/`&&e.searchParams.set(`next`,n),this.#n&&!this.#l&&e.searchParams.set(`why`,`ended`),this.#n=!1,s(e,`replace`)}this.requestUpdate()}#l=!1;#u=async()=>{this.#l=!0,this.#r=null;try{await f()}catch(e){this.#r=n(e)}this.#l=!1,this.requestUpdate()}};function D(e,t){return i`<div class="notice" role="alert">
    <h1>${e}</h1>
    <p>${t}</p>
  </div>`}customElements.define(`clockfold-app`,E);export{_ as t};